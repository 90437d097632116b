package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/loom-lite/loom-lite/pkg/usage"
)

// Run runs cmd to its end and gives its stdout to read, which need not read all of it. A child
// whose reader returns an error before the end of the output is killed.
//
// The CPU time that the child used is added to ctx's account (package usage), if it has one.
//
// It returns how the child ended, nil when it was not started, and
//   - the cause of ctx's end, wrapped, when that ended it,
//   - read's error, wrapped, when the child ended well or read gave up before the output ended,
//   - an *exec.ExitError when the child failed.
func Run(ctx context.Context, cmd *exec.Cmd, o Options, read func(stdout io.Reader) error) (*os.ProcessState, error) {
	stdout, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	defer stdout.Close()
	cmd.Stdout = theirs
	p, err := Start(ctx, cmd, o)
	_ = theirs.Close()
	if err != nil {
		return nil, err
	}
	output := &endReader{r: stdout}
	readErr := read(output)
	gaveUp := readErr != nil && !output.ended
	if gaveUp {
		p.Kill()
	}
	// A child whose output nobody reads blocks for ever: read the rest, even after an error.
	_, _ = io.Copy(io.Discard, stdout)
	err = p.Wait()
	usage.From(ctx).AddCPU(p.CPU())
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		p.Kill() // what the group's leader may have left behind
		err = fmt.Errorf("run %s: %w", p.name, context.Cause(ctx))
	case gaveUp, err == nil && readErr != nil:
		err = fmt.Errorf("read the output of %s: %w", p.name, readErr)
	case err != nil && !errors.As(err, &exit):
		err = fmt.Errorf("run %s: %w", p.name, err)
	}
	return p.State(), err
}

// endReader notes the end of what it reads.
type endReader struct {
	r     io.Reader
	ended bool
}

func (e *endReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.ended = e.ended || err != nil
	return n, err
}

// Output runs cmd to its end and returns what it wrote to stdout and stderr. It returns ctx's
// cause, wrapped, when that ended the child, and otherwise what exec.Cmd.Wait does. It adds to
// ctx's account as Run does.
func Output(ctx context.Context, cmd *exec.Cmd, o Options) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := Start(ctx, cmd, o)
	if err != nil {
		return nil, err
	}
	err = p.Wait()
	usage.From(ctx).AddCPU(p.CPU())
	if ctx.Err() != nil {
		err = fmt.Errorf("run %s: %w", p.name, context.Cause(ctx))
	}
	return out.Bytes(), err
}
