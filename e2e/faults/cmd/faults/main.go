// Command faults runs the fault suite: see package faults.
//
//	faults [-run REGEXP] [-seeds N] [-first N] [-scale X] [-report FILE] [-out DIR] [-list]
//	faults -guards REGEXP
//
// It exits with 1 when a run broke a promise. With -guards it breaks guards instead, one by one in
// copies of this tree, and exits with 1 when a run did not notice that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"github.com/loom-lite/loom-lite/e2e/faults"
	"github.com/loom-lite/loom-lite/pkg/child"
)

// errBroken says that a run broke a promise.
var errBroken = errors.New("promises were broken")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("faults", flag.ExitOnError)
	pattern := flags.String("run", ".", "run the faults whose name matches this regular expression")
	seeds := flags.Int("seeds", 1, "how many runs of each fault, each with a seed of its own")
	first := flags.Uint64("first", 1, "the first seed")
	scale := flags.Float64("scale", 1, "multiply the times and numbers of faults by this")
	report := flags.String("report", "", "write a table in Markdown to this file")
	out := flags.String("out", "out/faults", "keep the logs of failed runs in this folder")
	bin := flags.String("bin", "", "the folder of the programs, built already; empty: build them")
	guards := flags.String("guards", "", "break the guards whose name matches this regular expression")
	list := flags.Bool("list", false, "list the faults")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *guards != "" {
		return breakGuards(ctx, *guards)
	}
	chosen, err := faults.Match(*pattern)
	if err != nil {
		return err
	}
	if *list {
		for _, f := range chosen {
			_, _ = fmt.Fprintf(os.Stdout, "%-16s %s\n", f.Name, f.What)
		}
		return nil
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no fault's name matches %q: -list lists them", *pattern)
	}
	// What a killed service leaves behind becomes a child of this process, and is found.
	if err := child.AdoptOrphans(); err != nil {
		return err
	}
	if *bin == "" {
		if *bin, err = os.MkdirTemp("", "loom-faults-bin-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(*bin)) }()
		if err := faults.Build(ctx, *bin, chosen); err != nil {
			return err
		}
	}
	results, err := faults.Execute(ctx, faults.Options{
		Faults: chosen, Seeds: *seeds, First: *first, Scale: *scale, Bin: *bin, Out: *out, Log: os.Stdout,
	})
	if *report != "" && len(results) > 0 {
		err = errors.Join(err, write(*report, results))
	}
	if slices.ContainsFunc(results, func(r faults.Result) bool { return len(r.Findings) > 0 }) {
		err = errors.Join(err, errBroken)
	}
	return err
}

// breakGuards breaks guards of the tree that this is run in, and prints which runs noticed it.
func breakGuards(ctx context.Context, pattern string) error {
	expr, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("-guards: %w", err)
	}
	list, err := faults.Guards()
	if err != nil {
		return err
	}
	var errs []error
	for _, g := range list {
		if !expr.MatchString(g.Name) {
			continue
		}
		_, _ = fmt.Fprintf(os.Stdout, "\n%s: %s\n", g.Name, g.Broken)
		err := g.Break(ctx, ".", os.Stdout)
		verdict := "noticed: " + string(g.Outcome)
		if err != nil {
			verdict = err.Error()
		}
		_, _ = fmt.Fprintf(os.Stdout, "%s: %s\n", g.Name, verdict)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func write(path string, results []faults.Result) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(faults.Report(file, results), file.Close())
}
