package faults

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report writes results as a table in Markdown: a line for each fault, with its runs, what was done
// in them, and in how many runs a promise was broken in which way.
func Report(w io.Writer, results []Result) error {
	type line struct {
		fault         Fault
		runs, renders int
		counts        map[string]int
		took          map[string]time.Duration
		broken        map[Outcome]int
		elapsed       time.Duration
	}
	var lines []*line
	for _, r := range results {
		i := slices.IndexFunc(lines, func(l *line) bool { return l.fault.Name == r.Fault.Name })
		if i < 0 {
			i = len(lines)
			lines = append(lines, &line{fault: r.Fault, counts: map[string]int{}, took: map[string]time.Duration{}, broken: map[Outcome]int{}})
		}
		l := lines[i]
		l.runs, l.renders, l.elapsed = l.runs+1, l.renders+r.Renders, l.elapsed+r.Elapsed
		for what, n := range r.Counts {
			l.counts[what] += n
		}
		for what, d := range r.Took {
			l.took[what] = max(l.took[what], d)
		}
		seen := map[Outcome]bool{}
		for _, f := range r.Findings {
			seen[f.Outcome] = true
		}
		for outcome := range maps.Keys(seen) {
			l.broken[outcome]++
		}
	}
	var b strings.Builder
	b.WriteString("| fault | what is done | runs | renders | in all runs |")
	for _, o := range Outcomes {
		fmt.Fprintf(&b, " %s |", o)
	}
	b.WriteString(" minutes |\n|---|---|--:|--:|---|" + strings.Repeat("--:|", len(Outcomes)+1) + "\n")
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %s |", l.fault.Name, l.fault.What, l.runs, l.renders, cmp.Or(harm(l.counts, l.took), "–"))
		for _, o := range Outcomes {
			fmt.Fprintf(&b, " %d |", l.broken[o])
		}
		fmt.Fprintf(&b, " %.1f |\n", l.elapsed.Minutes())
	}
	_, err := io.WriteString(w, b.String())
	return err
}
