package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder"
)

// ReplicaCommand is the argument with which a program calls Replica.
const ReplicaCommand = "replica"

// order is a task for a replica, and answer what came of it.
type order struct {
	Grant msg.Grant `json:"grant"`
	// Dir is the task's folder.
	Dir string `json:"dir"`
}

type answer struct {
	Facts json.RawMessage `json:"facts,omitempty"`
	// CPU is the CPU time, user and system, of the replica and all that it started.
	CPU   time.Duration `json:"cpu_ns"`
	Error string        `json:"error,omitempty"`
}

// Replica is a transcoder of one slot that is given its tasks on stdin, one after the other, until
// that ends. The process must do nothing else. Of environ it reads FFMPEG_PATH and FFPROBE_PATH.
func Replica(ctx context.Context, in io.Reader, out io.Writer, environ map[string]string) error {
	settings := serviceSettings(environ, "FFMPEG_PATH", "FFPROBE_PATH")
	settings["TRANSCODER_SLOTS"], settings["EGRESS_ALLOW"] = "1", pagesHost
	cfg, err := transcoder.LoadConfig(settings)
	if err != nil {
		return err
	}
	service, err := transcoder.New(cfg)
	if err != nil {
		return err
	}
	defer service.Close()
	handlers := service.Handlers()
	for orders, answers := json.NewDecoder(in), json.NewEncoder(out); ; {
		var next order
		if err := orders.Decode(&next); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a task: %w", err)
		}
		came, err := carryOut(ctx, handlers[next.Grant.Kind], next)
		if err != nil {
			came.Error = err.Error()
		}
		if err := answers.Encode(came); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

func carryOut(ctx context.Context, h stage.Handler, o order) (answer, error) {
	before, err := process.Used()
	if err != nil {
		return answer{}, err
	}
	facts, err := h.Handle(ctx, stage.NewTask(o.Grant, o.Dir, zerolog.Nop()))
	if err != nil {
		return answer{}, err
	}
	after, err := process.Used()
	if err != nil {
		return answer{}, err
	}
	raw, err := json.Marshal(facts)
	return answer{Facts: raw, CPU: after.Self + after.Children - before.Self - before.Children}, err
}

// replica is a Replica that this process started.
type replica struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *json.Decoder
	stderr bytes.Buffer
}

// anyCore lets a replica run on all cores.
const anyCore = -1

func startReplica(ctx context.Context, core int) (*replica, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	r := &replica{cmd: exec.CommandContext(ctx, program, ReplicaCommand)}
	r.cmd.Stderr = &r.stderr
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.Cancel = func() error { return r.cmd.Process.Signal(syscall.SIGTERM) }
	r.cmd.WaitDelay = workerPatience
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start a replica: %w", err)
	}
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a replica: %w", err)
	}
	r.stdout = json.NewDecoder(stdout)
	if core == anyCore {
		err = r.cmd.Start()
	} else {
		err = process.OnCore(core, r.cmd.Start)
	}
	if err != nil {
		return nil, fmt.Errorf("start a replica: %w", err)
	}
	return r, nil
}

// handle has a task carried out in dir, and reads its facts into facts.
func (r *replica) handle(grant msg.Grant, dir string, facts any) (cpu time.Duration, err error) {
	var came answer
	err = json.NewEncoder(r.stdin).Encode(order{grant, dir})
	if err == nil {
		err = r.stdout.Decode(&came)
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("have a replica %s: %w", grant.Kind, err)
	case came.Error != "":
		return 0, fmt.Errorf("have a replica %s: %s", grant.Kind, came.Error)
	}
	if err := json.Unmarshal(came.Facts, facts); err != nil {
		return 0, fmt.Errorf("read what %s found out: %w", grant.Kind, err)
	}
	return came.CPU, nil
}

// end ends it when its task is done.
func (r *replica) end() error {
	err := errors.Join(r.stdin.Close(), r.cmd.Wait())
	if err != nil {
		return fmt.Errorf("end a replica: %w: %s", err, bytes.TrimSpace(r.stderr.Bytes()))
	}
	return nil
}
