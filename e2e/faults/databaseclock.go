package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// databaseClock moves the clock that all leases, pauses before a retry and ends are written by.
var databaseClock = Fault{
	Name: "database clock", What: "Postgres's clock jumps 10 minutes ahead and back, three times; after each step a worker is killed",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2, Retries: endless, MovedPostgres: true,
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 6)
		for range r.times(3) {
			for _, ahead := range []time.Duration{10 * time.Minute, 0} {
				pause(ctx, r.lasting(15*time.Second, 3*lease))
				if err := r.clock.move(ahead); err != nil {
					return err
				}
				r.count("clock moved", 1)
				// What a dead worker had must be done by another one, whatever time its lease has.
				kinds := []string{"recorder", "transcoder", "uploader"}
				p := r.of(kinds[r.rng.IntN(len(kinds))])[0]
				pause(ctx, r.between(0, time.Second))
				if err := errors.Join(p.crash(), p.start(ctx, nil)); err != nil {
					return err
				}
				r.count("kill -9", 1)
			}
		}
		pause(ctx, r.lasting(15*time.Second, 3*lease))
		return stop()
	},
}

// movedClock is a clock that Postgres reads through faketime, a library that is loaded into it. Its
// processes read how far ahead it is from a file, each time they ask for the time.
type movedClock struct{ library, file string }

func newMovedClock(dir string) (*movedClock, error) {
	c := &movedClock{file: filepath.Join(dir, "clock")}
	for _, place := range []string{"/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/lib64/faketime"} {
		found, _ := filepath.Glob(filepath.Join(place, "libfaketime.so.1")) // the patterns are well-formed
		if len(found) > 0 {
			c.library = found[0]
		}
	}
	if c.library == "" {
		return nil, errors.New("move Postgres's clock: libfaketime is not installed (Debian, Ubuntu: apt-get install libfaketime)")
	}
	return c, c.move(0)
}

// env is the environment of a server that reads the clock.
func (c *movedClock) env() []string {
	if c == nil {
		return nil
	}
	return []string{
		"LD_PRELOAD=" + c.library, "FAKETIME_TIMESTAMP_FILE=" + c.file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DISABLE_SHM=1",
	}
}

// move sets how far ahead of the machine's the clock is. No process reads half of it.
func (c *movedClock) move(ahead time.Duration) error {
	fresh := c.file + ".new"
	err := os.WriteFile(fresh, fmt.Appendf(nil, "%+d\n", int(ahead.Seconds())), 0o600)
	return errors.Join(err, os.Chmod(fresh, 0o644), os.Rename(fresh, c.file))
}
