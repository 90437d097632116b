package control

import (
	"context"
	"errors"
	"time"
)

// Behind is how long a render of one scene takes, alone and behind others that were queued before.
type Behind struct {
	Alone time.Duration `json:"alone_ns"`
	// Others is behind 40 renders of one scene of another user, Long behind one of 60 scenes.
	Others time.Duration `json:"behind_40_renders_ns"`
	Long   time.Duration `json:"behind_60_scenes_ns"`
}

// headStart is how long those before have been queued.
const headStart = time.Second

// MeasureTurns measures how long a render waits for others. A job's Hold and Slots say how long its
// tasks take.
func MeasureTurns(ctx context.Context, s *Servers, job Job) (b Behind, err error) {
	r, err := start(ctx, s, job)
	if r != nil {
		defer func() { err = errors.Join(err, r.close()) }()
	}
	if err != nil {
		if r != nil && r.system != nil {
			_, stopped := r.stop()
			err = errors.Join(err, stopped)
		}
		return b, err
	}
	defer func() {
		_, stopped := r.stop()
		err = errors.Join(err, stopped)
	}()
	warm, err := r.submit(ctx, 1, 1)
	if err == nil {
		err = r.await(ctx, warm)
	}
	if err != nil {
		return b, err
	}
	for _, one := range []struct {
		renders, scenes int
		took            *time.Duration
	}{{0, 0, &b.Alone}, {40, 1, &b.Others}, {1, 60, &b.Long}} {
		var before []string
		if one.renders > 0 {
			if before, err = r.submit(ctx, one.renders, one.scenes); err != nil {
				return b, err
			}
			time.Sleep(headStart)
		}
		began := time.Now()
		mine, err := r.submit(ctx, 1, 1)
		if err == nil {
			err = r.await(ctx, mine)
		}
		if err != nil {
			return b, err
		}
		*one.took = time.Since(began)
		if err := r.await(ctx, before); err != nil {
			return b, err
		}
	}
	return b, nil
}
