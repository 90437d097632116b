package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

type deadCmd struct {
	List    deadListCmd    `cmd:"" help:"List dead letters, the newest first."`
	Show    deadShowCmd    `cmd:"" help:"Show all that is known of a dead letter."`
	Replay  deadReplayCmd  `cmd:"" help:"Have the renders of dead letters made again: what is finished is not done again."`
	Discard deadDiscardCmd `cmd:"" help:"Put dead letters away. Their renders stay failed."`
}

// deadFilter are the flags that say which dead letters are meant.
type deadFilter struct {
	Kind   string        `help:"Only tasks of this kind, such as record."`
	Code   string        `help:"Only those with this error code."`
	Render string        `help:"Only those of this render."`
	Host   string        `help:"Only scenes whose page is on this host."`
	User   string        `help:"Only those of this user's campaigns."`
	Since  time.Duration `help:"Only those that failed within this time, such as 24h."`
	Before time.Duration `help:"Only those that failed longer ago than this."`
}

// filter returns the filter of the flags.
func (f deadFilter) filter(ctx context.Context, d deployment) (filter renders.LetterFilter, err error) {
	filter = renders.LetterFilter{Kind: f.Kind, Code: f.Code, Host: f.Host, User: f.User}
	if f.Render != "" {
		if filter.Render, err = d.Find(ctx, f.Render); err != nil {
			return filter, notOne(err)
		}
	}
	now := time.Now()
	if f.Since > 0 {
		filter.Since = now.Add(-f.Since)
	}
	if f.Before > 0 {
		filter.Before = now.Add(-f.Before)
	}
	return filter, nil
}

type deadListCmd struct {
	deadFilter
	All   bool `help:"Also those that were replayed or discarded."`
	Limit int  `default:"100" help:"How many to list (default: 100)."`
	JSON  bool `help:"Print JSON."`
	dataFlag
}

// Run lists dead letters.
func (c *deadListCmd) Run(ctx context.Context, a *app) error {
	if c.Limit < 1 {
		return usageError{fmt.Errorf("--limit %d: it must be 1 or more", c.Limit)}
	}
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	filter, err := c.filter(ctx, d)
	if err != nil {
		return err
	}
	filter.Settled = c.All
	list, err := d.Letters(ctx, filter, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, append([]renders.Letter{}, list...))
	}
	if len(list) == 0 {
		a.say("there are no dead letters")
		return nil
	}
	out := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "LETTER\tDIED\tTASK\tRENDER\tCODE\tATTEMPTS\tWORKER\tCAMPAIGN")
	for _, l := range list {
		_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", shortLetter(l.ID), at(l.DiedAt), letterTask(l), letterRender(l),
			l.ErrorCode, number(l.Attempts), text(l.Worker), text(l.Campaign))
	}
	return out.Flush()
}

// shortLetter is the end of a dead letter's id. It begins with the time at which its task was made,
// so those of a minute begin alike.
func shortLetter(id uuid.UUID) string { return id.String()[28:] }

// letterTask names the task that a dead letter is, or the subject of the message.
func letterTask(l renders.Letter) string {
	switch {
	case l.Subject != nil:
		return "message " + printable(*l.Subject)
	case l.Kind == nil:
		return ""
	case l.Scene != nil:
		return fmt.Sprintf("%s scene %d", *l.Kind, *l.Scene)
	}
	return string(*l.Kind)
}

// printable returns a text that anybody may have sent as a terminal can show it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}

func letterRender(l renders.Letter) string {
	if l.Render == nil {
		return ""
	}
	return short(*l.Render)
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

type deadShowCmd struct {
	ID   string `arg:"" help:"The dead letter's id, or its last characters, as loom dead list prints them."`
	JSON bool   `help:"Print JSON."`
	dataFlag
}

// Run prints a dead letter.
func (c *deadShowCmd) Run(ctx context.Context, a *app) error {
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	id, err := d.FindLetter(ctx, c.ID)
	if err != nil {
		return notOne(err)
	}
	letter, err := d.Letter(ctx, id)
	if err != nil {
		return notOne(err)
	}
	if c.JSON {
		return printJSON(a.stdout, letter)
	}
	return printLetter(a.stdout, letter)
}

func printLetter(w io.Writer, l renders.LetterInFull) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(out, "%s\t%s\n", name, value)
		}
	}
	line("letter", l.ID.String())
	line("task", letterTask(l.Letter))
	if l.Render != nil {
		line("render", l.Render.String())
	}
	line("campaign", text(l.Campaign))
	line("host", text(l.Host))
	line("died", at(l.DiedAt))
	if l.Settled != nil {
		line(*l.Settled, at(*l.SettledAt))
	}
	line("error", fmt.Sprintf("%s (%s)", strings.Join(strings.Fields(text(l.ErrorMessage)), " "), l.ErrorCode))
	line("detail", printable(strings.Join(strings.Fields(text(l.Detail)), " ")))
	line("worker", printable(text(l.Worker)))
	for _, t := range l.Tries {
		line(fmt.Sprintf("attempt %d", t.Attempt), fmt.Sprintf("%s, %s: %s", t.Worker, at(t.GrantedAt), ending(t)))
	}
	if l.Body != nil {
		line("message", strconv.Quote(*l.Body))
	}
	return out.Flush()
}

// deadTargets are the arguments of the commands that settle dead letters: ids, or a filter.
type deadTargets struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Dead letters' ids, or their last characters, as loom dead list prints them."`
	deadFilter
	All  bool `help:"All that are open."`
	JSON bool `help:"Print JSON."`
	dataFlag
}

// targets returns which dead letters are meant. To mean all of them takes a word.
func (t *deadTargets) targets(ctx context.Context, d deployment) (renders.LetterFilter, error) {
	filtered := t.deadFilter != deadFilter{}
	switch {
	case len(t.IDs) > 0 && (filtered || t.All):
		return renders.LetterFilter{}, usageError{errors.New("name dead letters, or say which by a filter, but not both")}
	case len(t.IDs) == 0 && !filtered && !t.All:
		return renders.LetterFilter{}, usageError{errors.New("which dead letters? Name them, or say which by --kind, --code, --render, --host, --user, --since or --before; --all means all")}
	}
	filter, err := t.filter(ctx, d)
	if err != nil {
		return filter, err
	}
	for _, prefix := range t.IDs {
		id, err := d.FindLetter(ctx, prefix)
		if err != nil {
			return filter, notOne(err)
		}
		filter.IDs = append(filter.IDs, id)
	}
	return filter, nil
}

type deadReplayCmd struct{ deadTargets }

// Run replays dead letters.
func (c *deadReplayCmd) Run(ctx context.Context, a *app) error {
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	filter, err := c.targets(ctx, d)
	if err != nil {
		return err
	}
	list, err := d.Replay(ctx, filter)
	// Those that were replayed before the error are told all the same.
	if c.JSON {
		return errors.Join(printJSON(a.stdout, append([]renders.Replayed{}, list...)), err)
	}
	jobs := map[uuid.UUID]bool{}
	for _, r := range list {
		jobs[r.Job] = true
	}
	a.printf("%d replayed, for %d renders\n", len(list), len(jobs))
	if left := len(filter.IDs) - len(list); left > 0 {
		a.say("%d were settled already, or are messages, which cannot be replayed: their tasks went on without them", left)
	}
	return err
}

type deadDiscardCmd struct{ deadTargets }

// Run discards dead letters.
func (c *deadDiscardCmd) Run(ctx context.Context, a *app) error {
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	filter, err := c.targets(ctx, d)
	if err != nil {
		return err
	}
	list, err := d.Discard(ctx, filter)
	if c.JSON {
		return errors.Join(printJSON(a.stdout, append([]uuid.UUID{}, list...)), err)
	}
	a.printf("%d discarded\n", len(list))
	return err
}
