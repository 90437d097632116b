package faults

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed guards/*.patch
var patches embed.FS

// Guard is something that keeps a promise, and a patch that breaks it. With the patch the suite
// must fail: a suite that does not would not notice if the guard were gone.
type Guard struct {
	// Name is the guard's, Broken what the patch does.
	Name, Broken string
	// Run are the flags of the run that must fail.
	Run []string
	// Outcome is what that run must find.
	Outcome Outcome
	patch   []byte
}

// Guards returns the guards that can be broken. The lines before a patch's diff say the rest.
func Guards() ([]Guard, error) {
	entries, err := patches.ReadDir("guards")
	if err != nil {
		return nil, err
	}
	var list []Guard
	for _, e := range entries {
		g := Guard{}
		if g.patch, err = patches.ReadFile("guards/" + e.Name()); err != nil {
			return nil, err
		}
		head, _, _ := strings.Cut(string(g.patch), "diff --git")
		for line := range strings.Lines(head) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch name {
			case "Guard":
				g.Name = value
			case "Broken":
				g.Broken = value
			case "Run":
				g.Run = strings.Split(value, "|")
			case "Outcome":
				g.Outcome = Outcome(value)
			}
		}
		if g.Name == "" || g.Broken == "" || len(g.Run) == 0 || g.Outcome == "" {
			return nil, fmt.Errorf("guards/%s does not say all of its guard", e.Name())
		}
		list = append(list, g)
	}
	return list, nil
}

// Applies returns nil if the guard's patch applies to the tree at root.
func (g Guard) Applies(ctx context.Context, root string) error {
	return g.apply(ctx, root, "--check")
}

func (g Guard) apply(ctx context.Context, root string, flags ...string) error {
	cmd := exec.CommandContext(ctx, "git", append([]string{"apply"}, flags...)...)
	cmd.Dir, cmd.Stdin = root, strings.NewReader(string(g.patch))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("break the guard %q: %w\n%s", g.Name, err, out)
	}
	return nil
}

// Break applies the guard's patch to a copy of the tree at root, and runs the suite there. It
// returns nil if that found what it must find. What the suite prints goes to log.
func (g Guard) Break(ctx context.Context, root string, log io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "loom-faults-guard-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := copyTree(ctx, root, dir); err != nil {
		return err
	}
	if err := g.apply(ctx, dir); err != nil {
		return err
	}
	program := filepath.Join(dir, "bin", "faults")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", program, "./e2e/faults/cmd/faults")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the suite without the guard %q: %w\n%s", g.Name, err, out)
	}
	var said strings.Builder
	suite := exec.CommandContext(ctx, program, append(g.Run, "-out", filepath.Join(dir, "out"))...)
	suite.Dir, suite.Stdout, suite.Stderr = dir, io.MultiWriter(&said, log), log
	err = suite.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return fmt.Errorf("without the guard %q the suite finds nothing", g.Name)
	case !errors.As(err, &exit):
		return err
	case !strings.Contains(said.String(), "\n     "+string(g.Outcome)+": "):
		return fmt.Errorf("without the guard %q the suite does not find anything %s", g.Name, g.Outcome)
	}
	return nil
}

// copyTree copies the files that git knows, as they are now.
func copyTree(ctx context.Context, root, dir string) error {
	cmd := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	list, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("list the files of %s: %w", root, err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		from, to := filepath.Join(root, name), filepath.Join(dir, name)
		info, err := os.Lstat(from)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was deleted, and that is not committed
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o755)
		}
		var data []byte
		if err == nil {
			data, err = os.ReadFile(from)
		}
		if err == nil {
			err = os.WriteFile(to, data, info.Mode().Perm())
		}
		if err != nil {
			return fmt.Errorf("copy the tree: %w", err)
		}
	}
	return nil
}
