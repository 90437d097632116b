package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// run is one run of everything, and what has been seen.
type run struct {
	began   time.Time
	out     io.Writer
	tools   string
	cluster *cluster
	lines   []string
}

func (r *run) add(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	at := time.Since(r.began).Round(time.Second)
	_, _ = fmt.Fprintf(r.out, "%8s  %s\n", at, text)
	text, _, _ = strings.Cut(text, "\n")
	r.lines = append(r.lines, fmt.Sprintf("| %s | %s |", at, strings.ReplaceAll(text, "|", `\|`)))
}

// report is what has been seen as Markdown.
func (r *run) report(err error) string {
	verdict := "Passed."
	if err != nil {
		verdict = "Failed."
	}
	return fmt.Sprintf("# The Helm chart on a real control plane\n\n%s Begun %s. Kubernetes %s, etcd %s, kwok %s, KEDA's kinds %s, Prometheus' operator's %s.\n\n"+
		"| after | what was seen |\n|---|---|\n%s\n",
		verdict, r.began.UTC().Format(time.DateTime), kubernetes, etcd, kwok, keda, operator, strings.Join(r.lines, "\n"))
}
