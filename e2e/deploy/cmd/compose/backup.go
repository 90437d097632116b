package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// buckets are the volumes with the objects.
var buckets = []string{"objects", "metadata"}

// tarLive copies what changes meanwhile: 1 says that something did.
const tarLive = "tar --xattrs -C /v -c . || [ $? = 1 ]"

// restore takes a backup of a deployment that runs, of the database first: what a row names is
// there. It restores it into an empty one, and checks that what was rendered is there, byte by
// byte, and that renders go on.
func (r *run) restore(ctx context.Context, from *deployment) (err error) {
	dir, err := os.MkdirTemp("", "loom-backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	done, err := from.finished(ctx)
	if err != nil {
		return err
	}
	if _, err := from.compose(ctx, "exec", "-T", "postgres", "sh", "-c", "pg_dump -U loom -Fc --no-owner loom >/tmp/loom.dump"); err != nil {
		return err
	}
	postgres, err := from.containers(ctx, "postgres")
	if err != nil {
		return err
	}
	if err := stream(ctx, filepath.Join(dir, "loom.dump"), "", "exec", postgres[0], "cat", "/tmp/loom.dump"); err != nil {
		return err
	}
	// The dump has policies for loom-lite's groups, which belong to the server.
	if err := stream(ctx, filepath.Join(dir, "roles.sql"), "", "exec", postgres[0],
		"pg_dumpall", "-U", "loom", "--roles-only", "--no-role-passwords"); err != nil {
		return err
	}
	for _, volume := range buckets {
		if err := stream(ctx, filepath.Join(dir, volume+".tar"), "", "run", "--rm", "--volume", from.project+"_"+volume+":/v:ro",
			"debian:trixie-slim", "sh", "-c", tarLive); err != nil {
			return err
		}
	}
	r.log.Add("backup taken of %d finished renders, with the deployment running", len(done))
	if _, err := from.compose(ctx, "down", "--timeout", "45"); err != nil {
		return err
	}

	to := newDeployment(r, "loom-e2e-restored", 26000)
	to.version = from.version
	defer func() { err = errors.Join(err, r.remove(to)) }()
	began := time.Now()
	if _, err := to.compose(ctx, "up", "--detach", "--wait", "postgres"); err != nil {
		return err
	}
	for _, volume := range buckets {
		if err := stream(ctx, "", filepath.Join(dir, volume+".tar"), "run", "--rm", "--interactive", "--volume", to.project+"_"+volume+":/v",
			"debian:trixie-slim", "tar", "--xattrs", "-C", "/v", "-x"); err != nil {
			return err
		}
	}
	postgres, err = to.containers(ctx, "postgres")
	if err != nil {
		return err
	}
	// The owner's own role is there, and psql goes on after saying so.
	if err := stream(ctx, "", filepath.Join(dir, "roles.sql"), "exec", "--interactive", postgres[0], "psql", "-q", "-U", "loom", "-d", "loom"); err != nil {
		return err
	}
	if err := stream(ctx, "", filepath.Join(dir, "loom.dump"), "exec", "--interactive", postgres[0],
		"pg_restore", "-U", "loom", "-d", "loom", "--no-owner", "--exit-on-error"); err != nil {
		return err
	}
	if _, err := to.compose(ctx, "up", "--detach", "--wait", "--wait-timeout", "600"); err != nil {
		return errors.Join(err, to.logs(ctx))
	}
	r.log.Add("restored into an empty deployment, up and healthy in %s", time.Since(began).Round(time.Second))
	if err := to.signIn(ctx); err != nil {
		return err
	}
	for id, sum := range done {
		got, err := to.sum(ctx, id)
		if err != nil || got != sum {
			return fmt.Errorf("render %s is another one after the restore: %s, want %s (%w)", id, got, sum, orNil(err))
		}
	}
	batch, err := to.submit(ctx, 1)
	if err != nil {
		return err
	}
	if err := batch.check(ctx); err != nil {
		return errors.Join(err, to.logs(ctx))
	}
	r.log.Add("**restore**: all %d videos are there, byte by byte, and a new render is done", len(done))
	return nil
}
