package main

import (
	"context"

	"github.com/loom-lite/loom-lite/cmd/loom/doctor"
)

type doctorCmd struct{ dataFlag }

// Help is shown by loom doctor --help.
func (doctorCmd) Help() string {
	return `Without DATABASE_URL, NATS_URL and S3_ENDPOINT it checks what "loom up" needs to run servers of its own.
Exit status 1 means that something is missing.`
}

// Run checks everything and prints a table.
func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	findings := doctor.Check(ctx, a.environ, dir)
	doctor.Print(a.stdout, findings)
	if doctor.AnyMissing(findings) {
		return exitError{statusFailed}
	}
	return nil
}
