// Package doctor checks what loom-lite needs on this machine and says how to mend what is missing.
//
// Each check does what the pipeline does with the thing it checks: Chrome draws a frame, the bucket
// takes an object.
package doctor

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// Verdict is what a check found.
type Verdict int

// Verdicts, from good to bad.
const (
	OK Verdict = iota
	// Warning: things work, but not as well as they could.
	Warning
	// Missing: loom-lite cannot work so.
	Missing
)

func (v Verdict) String() string { return [...]string{"ok", "warning", "missing"}[v] }

// Finding is a check's result.
type Finding struct {
	// What was looked at.
	What    string
	Verdict Verdict
	// Found says what is there, or what is wrong.
	Found string
	// Mend says what to do. Empty when Verdict is OK.
	Mend string
}

// checkTimeout bounds each check.
const checkTimeout = 45 * time.Second

// Check runs all checks. environ holds the settings, dir is the data folder of `loom up`.
func Check(ctx context.Context, environ map[string]string, dir string) []Finding {
	checks := []func(context.Context) []Finding{
		func(ctx context.Context) []Finding { return []Finding{chrome(ctx, environ)} },
		func(ctx context.Context) []Finding { return []Finding{ffmpeg(ctx, environ)} },
		func(ctx context.Context) []Finding { return database(ctx, environ, dir) },
		func(ctx context.Context) []Finding { return []Finding{broker(ctx, environ)} },
		func(ctx context.Context) []Finding { return objects(ctx, environ) },
		fonts,
		func(context.Context) []Finding { return disk(environ, dir) },
		func(context.Context) []Finding {
			return hugePages("/sys/kernel/mm/transparent_hugepage", asksForHugePages(environ))
		},
	}
	results := make([][]Finding, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			results[i] = check(ctx)
		})
	}
	all.Wait()
	return slices.Concat(results...)
}

// AnyMissing reports whether something is missing.
func AnyMissing(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Verdict == Missing })
}

// Print writes findings as a table, and how to mend what is not ok below it.
func Print(w io.Writer, findings []Finding) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		_, _ = fmt.Fprintf(out, "%s\t%s\t%s\n", f.Verdict, f.What, oneLine(f.Found))
		if f.Mend != "" {
			_, _ = fmt.Fprintf(out, "\t\t→ %s\n", oneLine(f.Mend))
		}
	}
	_ = out.Flush()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func ok(what, found string, args ...any) Finding {
	return Finding{What: what, Found: fmt.Sprintf(found, args...)}
}

func missing(what string, err error, mend string) Finding {
	return Finding{What: what, Verdict: Missing, Found: err.Error(), Mend: mend}
}
