package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// timeline is what happened, and when.
type timeline struct {
	began time.Time
	out   io.Writer
	lines []string
}

func newTimeline(out io.Writer) *timeline { return &timeline{began: time.Now(), out: out} }

func (t *timeline) add(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	at := time.Since(t.began).Round(time.Second)
	_, _ = fmt.Fprintf(t.out, "%8s  %s\n", at, text)
	text, _, _ = strings.Cut(text, "\n")
	t.lines = append(t.lines, fmt.Sprintf("| %s | %s |", at, strings.ReplaceAll(text, "|", `\|`)))
}

// report is the timeline as Markdown.
func (t *timeline) report(err error) string {
	verdict := "Passed."
	if err != nil {
		verdict = "Failed."
	}
	return fmt.Sprintf("# deploy/compose.yml for real\n\n%s Begun %s.\n\n| after | what happened |\n|---|---|\n%s\n",
		verdict, t.began.UTC().Format(time.DateTime), strings.Join(t.lines, "\n"))
}
