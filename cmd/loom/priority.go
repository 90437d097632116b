package main

import (
	"context"
	"errors"

	"github.com/loom-lite/loom-lite/services/console/bulk"
)

type priorityCmd struct {
	To   int  `required:"" help:"The new priority, from -1000 to 1000. Renders have 0 unless the app says otherwise." placeholder:"N"`
	JSON bool `help:"Print JSON."`
	matching
	dataFlag
}

// Help is shown by loom priority --help.
func (priorityCmd) Help() string {
	return `Gives all renders that match, and have not ended, another priority. A job of a higher priority is started first, and so are
the tasks of a render in progress. Write a negative one as --to=-5.`
}

// Run sets the priority of renders.
func (c *priorityCmd) Run(ctx context.Context, a *app) error {
	if !c.All {
		return usageError{errors.New("use --all with what they must match")}
	}
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	return c.run(ctx, a, d, bulk.Request{Action: bulk.Priority, Priority: c.To}, c.JSON)
}
