package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// deployment is one project of compose.
type deployment struct {
	run     *run
	project string
	// ports are published from here on.
	port    int
	version string
	token   string
}

func newDeployment(r *run, project string, port int) *deployment {
	return &deployment{run: r, project: project, port: port, version: "dev"}
}

func (d *deployment) environ() []string {
	at := func(name string, n int) string { return fmt.Sprintf("%s=%d", name, d.port+n) }
	return append(os.Environ(), "LOOM_VERSION="+d.version, at("POSTGRES_PORT", 0), at("NATS_PORT", 1), at("S3_PORT", 2), at("CONSOLE_PORT", 3),
		"EGRESS_ALLOW="+d.run.site.address, "TASK_LEASE=10s")
}

// compose runs `docker compose`.
func (d *deployment) compose(ctx context.Context, arguments ...string) (string, error) {
	return command(ctx, d.environ(), append([]string{"compose", "-f", "deploy/compose.yml", "-p", d.project}, arguments...)...)
}

// containers are the ids of a service's containers that run.
func (d *deployment) containers(ctx context.Context, service string) ([]string, error) {
	out, err := d.compose(ctx, "ps", "--quiet", "--status", "running", service)
	return fields(out), err
}

// awaitReady waits until n containers of a service can work: those that only live must not take the
// place of others.
func (d *deployment) awaitReady(ctx context.Context, service string, n int) error {
	return await(ctx, 5*time.Minute, fmt.Sprintf("%d containers of %s that are ready", n, service), func(ctx context.Context) (bool, error) {
		ids, err := d.containers(ctx, service)
		if err != nil || len(ids) != n {
			return false, err
		}
		for _, id := range ids {
			if _, err := docker(ctx, "exec", id, "ready"); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// logs returns the end of the logs, as an error.
func (d *deployment) logs(ctx context.Context) error {
	out, err := d.compose(ctx, "logs", "--tail", "25")
	return errors.Join(errors.New(out), err)
}

func docker(ctx context.Context, arguments ...string) (string, error) {
	return command(ctx, os.Environ(), arguments...)
}

func command(ctx context.Context, environ []string, arguments ...string) (string, error) {
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", arguments...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = environ, &out, &said, 10*time.Second
	if err := cmd.Run(); err != nil {
		text := said.String()
		return out.String(), fmt.Errorf("docker %s: %w: %s", strings.Join(arguments, " "), err, text[max(0, len(text)-2000):])
	}
	return out.String(), nil
}

// said returns what a container has logged since then, on either output.
func said(ctx context.Context, id string, since time.Time) (string, error) {
	out, err := exec.CommandContext(ctx, "docker", "logs", "--since", stamp(since), id).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker logs %s: %w", id, err)
	}
	return string(out), nil
}

// stream runs docker with its output into a file, or its input from one.
func stream(ctx context.Context, output, input string, arguments ...string) (err error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", arguments...)
	cmd.Stderr = &said
	if output != "" {
		file, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		cmd.Stdout = file
	}
	if input != "" {
		file, err := os.Open(input)
		if err != nil {
			return err
		}
		defer file.Close()
		cmd.Stdin = file
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("docker %s: %w: %s", strings.Join(arguments, " "), err, said.String())
	}
	return nil
}

// await calls done until it is true.
func await(ctx context.Context, within time.Duration, what string, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var last error
	for {
		ok, err := done(ctx)
		if ok && err == nil {
			return nil
		}
		last = err
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w, %w", what, ctx.Err(), orNil(last))
		case <-time.After(time.Second):
		}
	}
}

// errNone stands for no error where an error is formatted.
var errNone = errors.New("no error")

func orNil(err error) error {
	if err == nil {
		return errNone
	}
	return err
}

func fields(s string) []string        { return strings.Fields(s) }
func trim(s string) string            { return strings.TrimSpace(s) }
func contains(text, part string) bool { return strings.Contains(text, part) }
