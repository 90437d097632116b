package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

const module = "github.com/loom-lite/loom-lite/"

// programs are those that runs start, by what they are called there.
var programs = map[string]string{
	"ingest":     "services/ingest/cmd/ingest",
	"uploader":   "services/uploader/cmd/uploader",
	"console":    "services/console/cmd/console",
	"loom":       "cmd/loom",
	"worker":     "e2e/faults/cmd/worker",
	"recorder":   "services/recorder/cmd/recorder",
	"transcoder": "services/transcoder/cmd/transcoder",
}

// Build builds the programs that faults need into dir, with kill points.
func Build(ctx context.Context, dir string, faults []Fault) error {
	with := func(has func(Fault) bool) bool { return slices.ContainsFunc(faults, has) }
	needed := []string{"ingest", "uploader", "worker"}
	if with(func(f Fault) bool { return f.Media }) {
		needed = append(needed, "recorder", "transcoder")
	}
	if with(func(f Fault) bool { return f.Consoles > 0 }) {
		needed = append(needed, "console")
	}
	if err := build(ctx, "", dir, needed); err != nil {
		return err
	}
	if with(func(f Fault) bool { return f.Earlier }) {
		if err := buildEarlier(ctx, dir, with(func(f Fault) bool { return f.Earlier && f.Media })); err != nil {
			return err
		}
	}
	if !with(func(f Fault) bool { return f.Skewed }) {
		return nil
	}
	moved, err := os.MkdirTemp("", "loom-faults-clock-")
	if err != nil {
		return err
	}
	path, err := overlay(ctx, moved)
	if err == nil {
		err = build(ctx, "", filepath.Join(dir, skewed), needed, "-overlay", path)
	}
	return errors.Join(err, os.RemoveAll(moved))
}

// build builds some programs of the tree at root, of this one if it is empty, into dir.
func build(ctx context.Context, root, dir string, needed []string, flags ...string) error {
	args := append([]string{"build", "-tags", "faults", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}, flags...)
	for _, name := range needed {
		args = append(args, module+programs[name])
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("build the services: %w\n%s", err, out)
	}
	return nil
}
