package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Options say what to run.
type Options struct {
	// Faults are what to run, in this order.
	Faults []Fault
	// Seeds is how many runs of each fault there are, the first with seed First.
	Seeds int
	First uint64
	// Scale is what the faults' times and numbers are multiplied by: 1 is what the report of a
	// release has. 0: each fault's own of the short form, which leaves out those that have none.
	Scale float64
	// Bin is the folder with the programs that Build built.
	Bin string
	// Out takes the logs of runs that broke a promise.
	Out string
	// Log is told what happens.
	Log io.Writer
}

// Result is what became of a run.
type Result struct {
	Fault   Fault
	Seed    uint64
	Renders int
	Counts  map[string]int
	// Took is how long some things took at the longest.
	Took     map[string]time.Duration
	Findings []Finding
	Elapsed  time.Duration
}

// Match returns the faults whose name matches a pattern.
func Match(pattern string) ([]Fault, error) {
	expr, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	var list []Fault
	for _, f := range All() {
		if expr.MatchString(f.Name) {
			list = append(list, f)
		}
	}
	return list, nil
}

// Execute does all runs, one after the other. Its error says that they could not be done.
func Execute(ctx context.Context, o Options) (results []Result, err error) {
	var s *system
	defer func() {
		if s != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, f := range o.Faults {
		if o.Scale == 0 && f.Short == 0 {
			continue
		}
		for seed := o.First; seed < o.First+uint64(o.Seeds); seed++ {
			if ctx.Err() != nil {
				return results, context.Cause(ctx)
			}
			if s != nil && (f.Earlier || (s.clock != nil) != f.MovedPostgres || f.Cluster != (len(s.peers) > 0)) {
				// Its schema is this release's already, its clock is another, or its NATS.
				err, s = s.stop(), nil
				if err != nil {
					return results, err
				}
			}
			if s == nil {
				if s, err = startSystem(ctx, f, o.migrate(f)); err != nil {
					return results, err
				}
			}
			result, err := o.one(ctx, s, f, seed)
			if err != nil {
				return results, err
			}
			results = append(results, result)
			if len(result.Findings) > 0 {
				// What is wrong in it must not be found again.
				err, s = s.stop(), nil
				if err != nil {
					return results, err
				}
			}
		}
	}
	return results, nil
}

// migrate returns how a fault's database gets its schema.
func (o Options) migrate(f Fault) func(ctx context.Context, url string) error {
	if f.Earlier {
		return func(ctx context.Context, url string) error {
			return migrateEarlier(ctx, filepath.Join(o.Bin, earlier, "loom"), url)
		}
	}
	return migrate
}

// one does a run.
func (o Options) one(ctx context.Context, s *system, f Fault, seed uint64) (Result, error) {
	dir := filepath.Join(s.dir, "run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, runWithin, fmt.Errorf("%s takes longer than %s", f.Name, runWithin))
	defer cancel()
	began := time.Now()
	r := newRun(s, f, seed, cmp.Or(o.Scale, f.Short), o.Bin, dir)
	findings := r.execute(ctx)
	result := Result{Fault: f, Seed: seed, Renders: len(r.renders), Counts: r.counts, Took: r.took, Findings: findings, Elapsed: time.Since(began)}
	_, err := fmt.Fprintln(o.Log, result)
	if len(findings) > 0 && o.Out != "" {
		kept := filepath.Join(o.Out, fmt.Sprintf("%s-%d", strings.ReplaceAll(f.Name, " ", "-"), seed))
		err = errors.Join(err, os.RemoveAll(kept), os.CopyFS(kept, os.DirFS(dir)))
	}
	return result, errors.Join(err, os.RemoveAll(dir))
}

// String is one line, and one for each promise that was broken.
func (r Result) String() string {
	var b strings.Builder
	verdict := "ok  "
	if len(r.Findings) > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(&b, "%s %s, seed %d: %d renders, %s (%.1f s)", verdict, r.Fault.Name, r.Seed, r.Renders, r.harm(), r.Elapsed.Seconds())
	for i, f := range r.Findings {
		if i == 20 {
			fmt.Fprintf(&b, "\n     … and %d more", len(r.Findings)-i)
			break
		}
		fmt.Fprintf(&b, "\n     %s: %s", f.Outcome, f.What)
	}
	return b.String()
}

// harm says what was done, such as "kill -9: 12", and how long things took.
func (r Result) harm() string { return harm(r.Counts, r.Took) }

func harm(counts map[string]int, took map[string]time.Duration) string {
	var list []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%s: %d", what, counts[what]))
	}
	for _, what := range slices.Sorted(maps.Keys(took)) {
		list = append(list, fmt.Sprintf("%s at most %.1f s", what, took[what].Seconds()))
	}
	return strings.Join(list, ", ")
}
