package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/services/console/bulk"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// matching are the flags of an action on all renders that match.
type matching struct {
	All      bool      `help:"All renders that match what is set of the following, at least one of which must be."`
	Status   []string  `help:"Of one of these statuses." placeholder:"STATUS"`
	Code     []string  `help:"With one of these error codes." placeholder:"CODE"`
	Stage    string    `help:"In this stage, or failed in it: record, transcode or upload." enum:"record,transcode,upload," default:""`
	Campaign uuid.UUID `help:"Of this campaign." placeholder:"ID"`
	User     uuid.UUID `help:"Of this user's campaigns." placeholder:"ID"`
	Text     string    `help:"With this in the campaign's name or the error's message." placeholder:"TEXT"`
	DryRun   bool      `help:"Count them, and change nothing."`
}

func (m matching) filter() renders.Filter {
	return renders.Filter{Statuses: m.Status, Codes: m.Code, Stage: m.Stage, Campaign: m.Campaign, User: m.User, Text: m.Text}
}

// check refuses ids together with --all, and neither of the two.
func (m matching) check(ids []string) error {
	switch {
	case m.All && len(ids) > 0:
		return usageError{errors.New("name renders, or use --all: not both")}
	case !m.All && (len(ids) == 0 || m.DryRun || !m.filter().Empty()):
		return usageError{errors.New("name renders, or use --all with what they must match")}
	}
	return nil
}

// run does an action to all renders that match, and waits for its end.
func (m matching) run(ctx context.Context, a *app, d deployment, request bulk.Request, asJSON bool) error {
	request.Filter = m.filter()
	counts, err := d.Count(ctx, request)
	if errors.Is(err, bulk.ErrEmpty) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if m.DryRun {
		if asJSON {
			return printJSON(a.stdout, counts)
		}
		a.printf("%d renders match, and %s would change %d of them\n", counts.Matched, request.Action, counts.Eligible)
		return nil
	}
	made, stop, err := d.Begin(ctx, request)
	if err != nil {
		return err
	}
	defer stop()
	a.say("%s of %d renders: %s", request.Action, made.Total, made.ID)
	for !made.Ended() {
		retry.Sleep(ctx, 200*time.Millisecond)
		if made, err = d.Action(ctx, made.ID); err != nil {
			return err
		}
	}
	if asJSON {
		return printJSON(a.stdout, made)
	}
	a.printf("%d of %d changed, %d needed no change, %d could not be changed\n", made.Changed, made.Total, made.Unchanged, made.Failed)
	if made.LastError != nil {
		a.printf("the last of those: %s\n", *made.LastError)
	}
	if made.State == "aborted" {
		return fmt.Errorf("it was aborted")
	}
	return nil
}
