package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

type listCmd struct {
	Limit int  `default:"20" help:"How many to list, the newest first (default: 20)."`
	JSON  bool `help:"Print JSON."`
	dataFlag
}

// Run lists renders.
func (c *listCmd) Run(ctx context.Context, a *app) error {
	if c.Limit < 1 {
		return usageError{fmt.Errorf("--limit %d: it must be 1 or more", c.Limit)}
	}
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.List(ctx, c.Limit)
	if err != nil {
		return err
	}
	paused, aside, err := d.Trouble(ctx)
	if err != nil {
		return err
	}
	for _, j := range aside {
		a.say("set aside: the job of render %s, after %d tries: %s", short(j.Render), j.Tries, strings.Join(strings.Fields(j.Reason), " "))
	}
	for _, p := range paused {
		a.say("paused: no task of the kind %s begins, since %s: loom resume %s", p.Kind, at(p.Since), p.Kind)
	}
	if c.JSON {
		return printJSON(a.stdout, append([]renders.Render{}, list...))
	}
	if len(list) == 0 {
		a.say("there are no renders yet")
		return nil
	}
	out := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "RENDER\tCREATED\tSTATUS\tPROGRESS\tTOOK\tCAMPAIGN\tERROR")
	for _, r := range list {
		_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%d %%\t%s\t%s\t%s\n", short(r.ID), at(r.CreatedAt), r.Status, r.Progress,
			lasted(r), text(r.Campaign), text(r.ErrorCode))
	}
	return out.Flush()
}

func lasted(r renders.Render) string {
	if r.CompletedAt == nil {
		return ""
	}
	return r.CompletedAt.Sub(r.CreatedAt).Round(time.Second / 10).String()
}
