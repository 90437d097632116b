package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/migrations"
)

type migrateCmd struct {
	dataFlag
	Buckets    bool `help:"Also create missing buckets (S3_ENDPOINT)."`
	PublicRead bool `help:"With --buckets: let anybody read finished videos and thumbnails."`
}

// Help is shown by loom migrate --help.
func (migrateCmd) Help() string {
	return `Creates what loom-lite needs in the database of DATABASE_URL. The app's own tables and rows stay as they are, and
running it again changes nothing. If loom-lite cannot work with the app's tables, it changes nothing either, and says what
is wrong and how to fix it.`
}

// Run applies the migrations that are new.
func (c *migrateCmd) Run(ctx context.Context, a *app) error {
	settings, err := a.settings(c.dataFlag)
	if err != nil {
		return err
	}
	a.say("%s (%s)", place("DATABASE_URL", settings["DATABASE_URL"]), a.databaseOrigin(settings))
	applied, version, err := local.Migrate(ctx, settings["DATABASE_URL"])
	if err != nil {
		return err
	}
	for _, name := range applied {
		a.printf("applied %s\n", name)
	}
	switch {
	case version > migrations.Version:
		a.printf("nothing to do: the database has schema version %d, of a newer release\n", version)
	case len(applied) == 0:
		a.printf("nothing to do: the database is up to date\n")
	}
	lacking, err := local.Lacking(ctx, settings["DATABASE_URL"])
	if err != nil {
		return err
	}
	for _, p := range lacking {
		a.say("services cannot work as this role: %s %s\n  → %s", p.What, p.Found, p.Mend)
	}
	missing, err := local.MissingGroups(ctx, settings["DATABASE_URL"])
	if err != nil {
		return err
	}
	for _, p := range missing {
		a.say("groups of rights: %s %s\n  → %s", p.What, p.Found, p.Mend)
	}
	if !c.Buckets {
		return nil
	}
	if settings["S3_ENDPOINT"] == "" {
		return usageError{errors.New("--buckets needs an object store: set S3_ENDPOINT, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY")}
	}
	names, err := local.PrepareBuckets(ctx, settings, c.PublicRead)
	if err != nil {
		return err
	}
	for _, variable := range slices.Sorted(maps.Keys(names)) {
		a.printf("bucket %s exists\n", names[variable])
	}
	return nil
}
