package faults

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// before is the commit that counts as the release before this one while no release has a tag: the
// first with this suite, whose schema has version 22. UPGRADE_FROM names another one.
const before = "3d91c85df21739bb99ff388ba467b626d25609f2"

// earlier is the folder, in that of the programs, of those of the release before.
const earlier = "earlier"

// upgrade has the stand-ins for recorder and transcoder do the work.
var upgrade = Fault{
	Name: "upgrade", What: "the release before on its own schema; the schema migrated; then each service replaced by this release, one by one, back, and forth again",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2, Uncharged: true, Earlier: true,
	Env: map[string]string{"FAULTS_WORK": "2s"},
	Do: func(ctx context.Context, r *Run) error {
		rng := r.another()
		stop := r.feed(ctx, 8)
		return errors.Join(r.releases(ctx, rng), stop())
	},
}

// upgradeMedia has the real ones do it.
var upgradeMedia = Fault{
	Name: "upgrade with media", What: "the same, with the real recorder and transcoder", Media: true,
	Ingests: 2, Recorders: 2, Transcoders: 2, Uncharged: true, Earlier: true, Env: map[string]string{"DRAIN_TIMEOUT": "1m"},
	Do: func(ctx context.Context, r *Run) error {
		pages := site()
		defer pages.Close()
		defer pages.CloseClientConnections()
		n, rng := 0, r.another()
		stop := r.keep(ctx, 3, func() error {
			n++
			return r.submitPage(ctx, fmt.Sprintf("%s/page?%d", pages.URL, n), "")
		})
		if err := errors.Join(r.releases(ctx, rng), stop()); err != nil {
			return err
		}
		return r.whileOpen(ctx, func() error { pause(ctx, 500*time.Millisecond); return nil })
	},
}

// releases migrates the schema under the services of the release before, and replaces them by this
// one, in the order that the docs name, back in the opposite one, and forth again.
func (r *Run) releases(ctx context.Context, rng *rand.Rand) error {
	pause(ctx, r.lasting(5*time.Second, time.Second))
	if err := migrate(ctx, r.postgres.URL("postgres")); err != nil {
		return fmt.Errorf("under load: %w", err)
	}
	pause(ctx, r.lasting(5*time.Second, time.Second))
	order := r.of("ingest")
	others := append(append(r.of("uploader"), r.of("recorder")...), r.of("transcoder")...)
	for range 2 {
		rng.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		forth := append(append([]*replica{}, order...), others...)
		if err := r.replace(ctx, r.bin, forth, (*replica).awaitReady); err != nil {
			return err
		}
		if r.counts["replaced"] > len(forth) {
			break
		}
		back := make([]*replica, len(forth))
		for i, p := range forth {
			back[len(forth)-1-i] = p
		}
		// The commit before works on the newer schema, but says that it is not ready: it wants the
		// functions' parameters as it knows them.
		if err := r.replace(ctx, filepath.Join(r.bin, earlier), back, (*replica).awaitAlive); err != nil {
			return err
		}
	}
	return nil
}

// replace stops replicas, one after the other, starts them with the programs in bin, and awaits
// each.
func (r *Run) replace(ctx context.Context, bin string, list []*replica, await func(*replica, context.Context) error) error {
	for _, p := range list {
		if err := p.stop(); err != nil {
			return err
		}
		p.program = filepath.Join(bin, filepath.Base(p.program))
		if err := p.start(ctx, nil); err != nil {
			return err
		}
		if err := await(p, ctx); err != nil {
			return err
		}
		r.count("replaced", 1)
		pause(ctx, r.lasting(2*time.Second, 500*time.Millisecond))
	}
	return ctx.Err()
}

// buildEarlier builds the programs of the release before, and its command line, which migrates.
func buildEarlier(ctx context.Context, bin string, media bool) (err error) {
	dir, err := os.MkdirTemp("", "loom-faults-earlier-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	commit, err := lastRelease(ctx)
	if err != nil {
		return err
	}
	root, err := output(ctx, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	files := exec.CommandContext(ctx, "git", "-C", root, "archive", commit)
	unpack := exec.CommandContext(ctx, "tar", "-x", "-C", dir)
	if unpack.Stdin, err = files.StdoutPipe(); err != nil {
		return err
	}
	var said bytes.Buffer
	files.Stderr, unpack.Stderr = &said, &said
	if err := errors.Join(files.Start(), unpack.Run(), files.Wait()); err != nil {
		return fmt.Errorf("unpack the release %s: %w\n%s", commit, err, &said)
	}
	needed := []string{"loom", "ingest", "uploader", "worker"}
	if media {
		needed = append(needed, "recorder", "transcoder")
	}
	return build(ctx, dir, filepath.Join(bin, earlier), needed)
}

// lastRelease is the newest tag of a version before this commit, or else the commit before.
func lastRelease(ctx context.Context) (string, error) {
	if commit := os.Getenv("UPGRADE_FROM"); commit != "" {
		return commit, nil
	}
	tag, err := output(ctx, "git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^")
	if err != nil && ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return cmp.Or(tag, before), nil
}

// output runs a command and returns what it wrote, without the last line break.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// migrateEarlier brings a database to the schema of the release before.
func migrateEarlier(ctx context.Context, loom, url string) error {
	cmd := exec.CommandContext(ctx, loom, "migrate")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(loom), "DATABASE_URL=" + url}
	cmd.Dir = filepath.Dir(loom)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("migrate to the release before: %w\n%s", err, out)
	}
	return nil
}
