// Package timeline notes what a run of a deployment has shown, and when.
package timeline

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Timeline is what happened, and when.
type Timeline struct {
	began time.Time
	out   io.Writer
	lines []string
}

// New returns a timeline that begins now, and prints to out what is added.
func New(out io.Writer) *Timeline { return &Timeline{began: time.Now(), out: out} }

// Add adds what has just happened. Of several lines the report has the first.
func (t *Timeline) Add(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	at := time.Since(t.began).Round(time.Second)
	_, _ = fmt.Fprintf(t.out, "%8s  %s\n", at, text)
	text, _, _ = strings.Cut(text, "\n")
	t.lines = append(t.lines, fmt.Sprintf("| %s | %s |", at, strings.ReplaceAll(text, "|", `\|`)))
}

// Report is the timeline as Markdown: a title, what was run, and whether it ended with an error.
func (t *Timeline) Report(title, of string, err error) string {
	verdict := "Passed."
	if err != nil {
		verdict = "Failed."
	}
	return fmt.Sprintf("# %s\n\n%s Begun %s.%s\n\n| after | what happened |\n|---|---|\n%s\n",
		title, verdict, t.began.UTC().Format(time.DateTime), of, strings.Join(t.lines, "\n"))
}
