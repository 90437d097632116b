package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Transcoded is what was measured on the transcoder: one scene with a facecam, compared with FFmpeg
// by hand.
type Transcoded struct {
	// Frames of the scene, and the number of Pieces that it was recorded in.
	Frames  int             `json:"frames"`
	Pieces  int             `json:"pieces"`
	Turns   []TranscodeTurn `json:"turns"`
	Quality Quality         `json:"quality"`
}

// TranscodeTurn is what one turn measured: everything once.
type TranscodeTurn struct {
	Ours TranscodeCPU `json:"ours"`
	// OnePass is the CPU time of one FFmpeg that does the same.
	OnePass time.Duration `json:"one_pass_ns"`
	// Replicas is how long one transcoder and two took for all normalize tasks. On a single core it
	// has only the first.
	Replicas []Replicas `json:"replicas"`
}

// TranscodeCPU is the CPU time of our stages.
type TranscodeCPU struct {
	Probe     time.Duration `json:"probe_ns"`
	Normalize time.Duration `json:"normalize_ns"`
	Concat    time.Duration `json:"concat_ns"`
	// Overlay is without the quality gate, which is a part of it.
	Overlay time.Duration `json:"overlay_ns"`
	Gate    time.Duration `json:"gate_ns"`
}

// Sum is what is compared with OnePass. That has no gate, and gets the results of probe.
func (c TranscodeCPU) Sum() time.Duration { return c.Normalize + c.Concat + c.Overlay }

// Replicas is the time that transcoders took together, each with one slot on a core of its own.
type Replicas struct {
	Took time.Duration `json:"took_ns"`
	// Busy is the share of that time in which a slot had a task, of all slots together.
	Busy float64 `json:"busy"`
}

// transcoding measures on one recorded scene and its facecam.
type transcoding struct {
	// job runs our stages on the scene.
	job     Job
	timeout time.Duration
	cut     []int
	tools   tools
	// facecam is what probe found out.
	facecam msg.ProbeFacts
}

// The finished videos that are made by hand, in the job's folder. Ours is called msg.Video.
const (
	fileOnePass = "one-pass.mp4"
	fileSecond  = "second.mp4"
)

// path is a file of the job's folder.
func (t *transcoding) path(name string) string { return filepath.Join(t.job.Dir, name) }

// Transcode records a scene as job says, and measures what becomes of it in a number of turns, each
// step of which may take up to timeout. tell is called when something is done. As for Start, the
// process may have no other children.
func Transcode(
	ctx context.Context, site *Site, job Job, turns int, timeout time.Duration, environ map[string]string, tell func(string),
) (made Transcoded, err error) {
	dir, url, err := site.folder()
	if err != nil {
		return Transcoded{}, err
	}
	defer os.RemoveAll(dir)
	job.Tool, job.Scenes, job.Dir = stored, 1, dir
	if _, err := Start(ctx, job, timeout); err != nil {
		return Transcoded{}, fmt.Errorf("record the scene: %w", err)
	}
	tell("recorded")
	job.Tool, job.Facecam = stages, url+"/"+msg.FacecamFile
	t := &transcoding{job: job, timeout: timeout, cut: job.pieces(), tools: newTools(environ)}
	made = Transcoded{Frames: job.Frames, Pieces: len(t.cut)}
	if err := t.step(ctx, t.makeFacecam); err != nil {
		return Transcoded{}, fmt.Errorf("make a facecam: %w", err)
	}
	cores, err := process.Cores()
	if err != nil {
		return Transcoded{}, err
	}
	for n := range turns {
		turn, err := t.turn(ctx, cores[:min(2, len(cores))])
		if err != nil {
			return Transcoded{}, fmt.Errorf("turn %d: %w", n+1, err)
		}
		made.Turns = append(made.Turns, turn)
		tell(fmt.Sprintf("turn %d: CPU time %.2f of one pass's", n+1, float64(turn.Ours.Sum())/float64(turn.OnePass)))
	}
	if made.Quality, err = t.quality(ctx); err != nil {
		return Transcoded{}, fmt.Errorf("compare pictures: %w", err)
	}
	return made, nil
}

// step runs a part that may take as long as t.timeout.
func (t *transcoding) step(ctx context.Context, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout, fmt.Errorf("not done in %s", t.timeout))
	defer cancel()
	err := do(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (t *transcoding) turn(ctx context.Context, cores []int) (turn TranscodeTurn, err error) {
	if turn.Ours, err = t.ours(ctx); err != nil {
		return turn, err
	}
	err = t.step(ctx, func(ctx context.Context) (err error) {
		turn.OnePass, err = t.onePass(ctx)
		return err
	})
	if err != nil {
		return turn, err
	}
	if err := sameEncoder(t.path(msg.Video), t.path(fileOnePass)); err != nil {
		return turn, err
	}
	for n := range cores {
		came, err := t.replicas(ctx, cores[:n+1])
		if err != nil {
			return turn, err
		}
		turn.Replicas = append(turn.Replicas, came)
	}
	return turn, nil
}

// ours takes the scene through our stages, as a render of one transcoder does.
func (t *transcoding) ours(ctx context.Context) (cpu TranscodeCPU, err error) {
	result, err := Start(ctx, t.job, t.timeout)
	if err != nil {
		return cpu, err
	}
	var video msg.VideoFacts
	for _, task := range result.Scenes[0].Tasks {
		switch task.Kind {
		case msg.Probe:
			cpu.Probe = task.CPU
			err = json.Unmarshal(task.Facts, &t.facecam)
		case msg.Normalize:
			cpu.Normalize += task.CPU
		case msg.Concat:
			cpu.Concat = task.CPU
		case msg.Overlay:
			cpu.Overlay = task.CPU
			err = json.Unmarshal(task.Facts, &video)
		}
		if err != nil {
			return cpu, fmt.Errorf("read what %s found out: %w", task.Kind, err)
		}
	}
	if video.Report == nil {
		return cpu, errors.New("the finished video has no report")
	}
	cpu.Gate = time.Duration(video.Report.CPUSeconds * float64(time.Second))
	cpu.Overlay -= cpu.Gate
	return cpu, nil
}

// replicas normalizes all pieces with one transcoder on each of these cores.
func (t *transcoding) replicas(ctx context.Context, cores []int) (came Replicas, err error) {
	var jobs []Job
	for place := range cores {
		job := t.job
		job.Replica = &replica{Place: place, Count: len(cores), Facecam: t.facecam}
		jobs = append(jobs, job)
	}
	results, err := startOnCores(ctx, jobs, cores, t.timeout)
	if err != nil {
		return came, err
	}
	var began, ended time.Time
	var busy time.Duration
	for _, result := range results {
		for _, task := range result.Scenes[0].Tasks {
			if began.IsZero() || task.Began.Before(began) {
				began = task.Began
			}
			if task.Ended.After(ended) {
				ended = task.Ended
			}
			busy += task.Ended.Sub(task.Began)
		}
	}
	came.Took = ended.Sub(began)
	came.Busy = float64(busy) / float64(came.Took) / float64(len(cores))
	return came, nil
}
