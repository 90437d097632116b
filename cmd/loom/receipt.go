package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/console/receipts"
)

type receiptCmd struct {
	ID   string `arg:"" help:"The render's id, or its first characters if no other id begins with them."`
	JSON bool   `help:"Print JSON."`
	dataFlag
}

// Help is shown by loom receipt --help.
func (receiptCmd) Help() string {
	return `Shows what a render used: CPU time and bytes by stage, with everything that was retried, a hash of the campaign as it was
planned, and the versions of the tools that made it. --json also has what each output is named by. It has a cost if the settings PRICE_… have prices.`
}

// Run prints what a render used.
func (c *receiptCmd) Run(ctx context.Context, a *app) error {
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	id, err := d.Find(ctx, c.ID)
	if err != nil {
		return notOne(err)
	}
	r, err := d.Receipt(ctx, id)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, r)
	}
	return printReceipt(a.stdout, r)
}

// pricesOf reads the price list of settings.
func pricesOf(settings map[string]string) (p receipts.Prices, err error) {
	var problems service.Problems
	problems.Load(&p, settings)
	if err := problems.Err(); err != nil {
		return p, usageError{err}
	}
	return p, nil
}

func printReceipt(w io.Writer, r receipts.Receipt) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	line("render\t%s, %s", r.Render, r.Status)
	if r.Seconds > 0 {
		line("video\t%.1f s", r.Seconds)
	}
	for _, j := range r.Jobs {
		outcome := "in progress"
		if j.Outcome != nil {
			outcome = *j.Outcome
		}
		campaign := ""
		if j.Campaign != nil {
			campaign = ", campaign " + (*j.Campaign)[:min(12, len(*j.Campaign))]
		}
		line("job\t%s, begun %s%s", outcome, at(j.Began), campaign)
	}
	if r.Cost != nil {
		line("cost\t%.6f %s: %.6f for CPU time, %.6f for bytes, %.6f for the video", r.Cost.Total, r.Cost.Currency, r.Cost.CPU, r.Cost.Bytes, r.Cost.Video)
	}
	if r.Unreported > 0 {
		line("not known\twhat %d attempts used: they run, were stopped or lost, or are of an older worker", r.Unreported)
	}
	line("")
	line("STAGE\tTASKS\tREUSED\tATTEMPTS\tCPU\tREAD\tWRITTEN\tFROM THE WEB")
	row := func(name string, tasks, reused, attempts int, u receipts.Used) {
		line("%s\t%d\t%d\t%d\t%.2f s\t%s\t%s\t%s", name, tasks, reused, attempts, u.CPUSeconds, size(u.BytesIn), size(u.BytesOut), size(u.BytesWeb))
	}
	var tasks, reused, attempts int
	for _, s := range r.Stages {
		row(string(s.Kind), s.Tasks, s.Reused, s.Attempts, s.Used)
		tasks, reused, attempts = tasks+s.Tasks, reused+s.Reused, attempts+s.Attempts
	}
	row("all", tasks, reused, attempts, r.Used)
	line("")
	for _, s := range r.Stages {
		if len(s.Tools) > 0 {
			line("%s\t%s", s.Kind, strings.Join(s.Tools, "; "))
		}
	}
	return out.Flush()
}

// size writes a number of bytes for people.
func size(bytes int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if bytes >= unit.bytes {
			return fmt.Sprintf("%.1f %s", float64(bytes)/float64(unit.bytes), unit.name)
		}
	}
	return fmt.Sprintf("%d B", bytes)
}
