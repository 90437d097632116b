package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/cmd/loom/podcost"
	"github.com/loom-lite/loom-lite/pkg/postgres"
)

type costCmd struct {
	Selector string        `default:"app.kubernetes.io/part-of=loom-lite,app.kubernetes.io/component in (recorder,transcoder)" help:"Which pods: a label selector."`
	Every    time.Duration `default:"5s" help:"How long to wait between two readings (default: 5s)."`
	Account  string        `name:"service-account" help:"The folder of the service account (default: the pod's)."`
	Once     bool          `help:"Do it once, and end."`
}

// Help is shown by loom deletion-cost --help.
func (costCmd) Help() string {
	return `Runs in a pod of Kubernetes whose service account may list and patch pods in its namespace. Each pod of a recorder or a
transcoder gets the number of its running tasks as controller.kubernetes.io/pod-deletion-cost, so that scaling in removes
idle ones first. DATABASE_URL is that of a member of loom_scaler.`
}

// Run keeps the costs up to date until it is interrupted. What cannot be reached is tried again.
func (c *costCmd) Run(ctx context.Context, a *app) error {
	if c.Every < time.Second {
		return usageError{errors.New("--every: a second is the least")}
	}
	if a.environ["DATABASE_URL"] == "" {
		return usageError{errors.New("DATABASE_URL is not set: it takes the database of the workers")}
	}
	pods, err := podcost.InCluster(a.environ, cmp.Or(c.Account, podcost.ServiceAccount))
	if err != nil {
		return err
	}
	return c.keep(ctx, a, pods)
}

func (c *costCmd) keep(ctx context.Context, a *app, pods *podcost.Pods) error {
	db, err := postgres.Named(ctx, a.environ["DATABASE_URL"], "loom deletion-cost")
	if err != nil {
		return err
	}
	defer db.Close()
	turn := time.NewTicker(c.Every)
	defer turn.Stop()
	for failed := ""; ; {
		// Bounded, so that a connection that hangs is given up.
		round, cancel := context.WithTimeout(ctx, 30*time.Second)
		changed, err := podcost.Update(round, db, pods, c.Selector)
		cancel()
		switch {
		case c.Once:
			if err == nil {
				a.say("changed the deletion cost of %d pods", changed)
			}
			return err
		case ctx.Err() != nil:
			return nil // it was told to end
		case err != nil && err.Error() != failed:
			failed = err.Error()
			fail(a.stderr, fmt.Errorf("%w; costs stay as they are", err))
		case err == nil && failed != "":
			failed = ""
			a.say("deletion costs are up to date again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-turn.C:
		}
	}
}
