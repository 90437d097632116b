package faults

import (
	"context"
	"errors"
	"time"
)

// fullDisk gives a recorder and a transcoder no room on their disks.
var fullDisk = Fault{
	Name: "full disk", What: "the disks of one of two recorders and of one of two transcoders are full (tmpfs: as root, on Linux)",
	Recorders: 2, Transcoders: 2, Retries: 3,
	Do: func(ctx context.Context, r *Run) error {
		full := []*replica{r.of("recorder")[0], r.of("transcoder")[0]}
		for _, p := range full {
			if err := p.stop(); err != nil {
				return err
			}
			if err := fill(p.work); err != nil {
				return err
			}
			r.count("disks filled", 1)
			if err := p.start(ctx, nil); err != nil {
				return errors.Join(err, empty(p.work))
			}
		}
		err := r.submitMany(ctx, r.times(30))
		began := time.Now()
		err = errors.Join(err, r.whileOpen(ctx, func() error {
			if time.Since(began) > 3*time.Minute {
				return errors.New("renders do not end while the disks are full")
			}
			pause(ctx, 200*time.Millisecond)
			return nil
		}))
		for _, p := range full {
			err = errors.Join(err, p.stop(), empty(p.work)) // the process has files there
		}
		return err
	},
}
