package main

import (
	"context"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
)

type migrateCmd struct{ dataFlag }

// Help is shown by loom migrate --help.
func (migrateCmd) Help() string {
	return `Creates what loom-lite needs in the database of DATABASE_URL. The app's own tables and rows stay as they are, and
applying it again changes nothing.`
}

// Run applies the migrations that are new.
func (c *migrateCmd) Run(ctx context.Context, a *app) error {
	settings, err := a.settings(c.dataFlag)
	if err != nil {
		return err
	}
	applied, err := local.Migrate(ctx, settings["DATABASE_URL"])
	if err != nil {
		return err
	}
	for _, name := range applied {
		a.printf("applied %s\n", name)
	}
	if len(applied) == 0 {
		a.printf("nothing to do: the database is up to date\n")
	}
	return nil
}
