package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/bulk"
)

type cancelCmd struct {
	IDs  []string `arg:"" optional:"" name:"id" help:"The renders' ids, or their first characters if no other id begins with them."`
	JSON bool     `help:"Print JSON."`
	matching
	dataFlag
}

// Help is shown by loom cancel --help.
func (cancelCmd) Help() string {
	return `Ends renders that have not ended, with their jobs. What waits is gone at once, and what runs is stopped within seconds.
A render that has ended stays as it is.`
}

// cancelled is what became of a render.
type cancelled struct {
	ID uuid.UUID `json:"id"`
	// Cancelled: it had not ended, and the command has ended it.
	Cancelled bool `json:"cancelled"`
	// Status is what it has now.
	Status string `json:"status"`
}

// Run cancels renders: all of those that are named, or none.
func (c *cancelCmd) Run(ctx context.Context, a *app) error {
	if err := c.check(c.IDs); err != nil {
		return err
	}
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	if c.All {
		return c.run(ctx, a, d, bulk.Request{Action: bulk.Cancel}, c.JSON)
	}
	var ids []uuid.UUID
	for _, id := range c.IDs {
		found, err := d.Find(ctx, id)
		if err != nil {
			return notOne(err)
		}
		ids = append(ids, found)
	}
	list := []cancelled{}
	for _, id := range ids {
		done, status, err := d.Cancel(ctx, id)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		list = append(list, cancelled{id, done, status})
	}
	if c.JSON {
		return printJSON(a.stdout, list)
	}
	for _, r := range list {
		if r.Cancelled {
			a.printf("%s is cancelled\n", r.ID)
		} else {
			a.printf("%s had ended already: it is %s\n", r.ID, r.Status)
		}
	}
	return nil
}
