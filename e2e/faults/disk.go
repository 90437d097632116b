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
		return r.withFullDisk(ctx, r.of("recorder")[0], func() error {
			return r.withFullDisk(ctx, r.of("transcoder")[0], func() error {
				if err := r.submitMany(ctx, r.times(30)); err != nil {
					return err
				}
				began := time.Now()
				return r.whileOpen(ctx, func() error {
					if time.Since(began) > 3*time.Minute {
						return errors.New("renders do not end while the disks are full")
					}
					pause(ctx, 200*time.Millisecond)
					return nil
				})
			})
		})
	},
}

// withFullDisk calls do while a replica's disk is full.
func (r *Run) withFullDisk(ctx context.Context, p *replica, do func() error) error {
	if err := p.stop(); err != nil {
		return err
	}
	if err := fill(p.work); err != nil {
		return err
	}
	r.count("disks filled", 1)
	err := p.start(ctx, nil)
	if err == nil {
		err = do()
	}
	return errors.Join(err, p.stop(), empty(p.work)) // the process has files there
}
