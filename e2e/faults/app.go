package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// fps is the frame rate of all videos: what they show is not tested.
const fps = 10

// long ends the URLs of pages that take a minute.
const long = "?long"

// campaign is what the app stores.
type campaign struct {
	owner   uuid.UUID
	facecam string // URL; empty for none
	scenes  []scene
}

// scene is a page and how long it is shown.
type scene struct {
	url     string
	seconds int
}

// end is how a render may end.
type end string

const (
	endDone      end = "done"
	endFailed    end = "failed"
	endCancelled end = "cancelled"
	// endGone is a render that the app deletes, whatever it was.
	endGone end = "gone"
)

// render is one that the app has queued.
type render struct {
	id, campaign uuid.UUID
	wanted       campaign
	// ends are those that are right.
	ends []end
	// jobs is how many jobs it has.
	jobs int
	// ended is when somebody cancelled or deleted it, by the database's clock.
	ended time.Time
}

// owners are the users whose renders runs queue.
var owners = []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}

// newCampaign returns a campaign with pages of its own.
func newCampaign(rng *rand.Rand, scenes int) campaign {
	c := campaign{owner: owners[rng.IntN(len(owners))]}
	name := uuid.New()
	for i := range scenes {
		s := scene{url: fmt.Sprintf("http://pages.faults.test/%s/%d", name, i+1), seconds: 1}
		if rng.IntN(6) == 0 {
			s.seconds = 3 // which is recorded in two pieces
		}
		c.scenes = append(c.scenes, s)
	}
	if rng.IntN(4) == 0 {
		c.facecam = "http://pages.faults.test/" + name.String() + "/facecam.mp4"
	}
	return c
}

// small returns a campaign of one to four scenes.
func (r *Run) small() campaign { return newCampaign(r.rng, 1+r.rng.IntN(4)*r.rng.IntN(2)) }

// submit presses "Render": it inserts campaign, scenes, render and job. The render must end as
// done, unless the caller says otherwise.
func (r *Run) submit(ctx context.Context, c campaign) (*render, error) {
	w := &render{wanted: c, ends: []end{endDone}, jobs: 1}
	return w, r.add(ctx, w, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `insert into campaigns (name, user_id, facecam_url, output_width, output_height, output_fps)
			values ('faults', $1::uuid, nullif($2, ''), 320, 180, $3) returning id`, c.owner, c.facecam, fps).Scan(&w.campaign)
		if err != nil {
			return err
		}
		for i, s := range c.scenes {
			_, err := tx.Exec(ctx, "insert into scenes (campaign_id, url, duration_sec, order_index) values ($1, $2, $3, $4)",
				w.campaign, s.url, s.seconds, i+1)
			if err != nil {
				return err
			}
		}
		return queue(ctx, tx, w)
	})
}

// submitAgain queues another render of the same campaign.
func (r *Run) submitAgain(ctx context.Context, first *render) (*render, error) {
	w := &render{wanted: first.wanted, campaign: first.campaign, ends: []end{endDone}, jobs: 1}
	return w, r.add(ctx, w, func(tx pgx.Tx) error { return queue(ctx, tx, w) })
}

// queue inserts a render of a campaign, and its job.
func queue(ctx context.Context, tx pgx.Tx, w *render) error {
	err := tx.QueryRow(ctx, "insert into renders (campaign_id, status, progress) values ($1, 'queued', 0) returning id",
		w.campaign).Scan(&w.id)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "insert into render_jobs (render_id, state) values ($1, 'queued')", w.id)
	return err
}

// add queues a render, and notes it. Nobody else acts on renders in between: who cancels one writes
// down how it may end.
func (r *Run) add(ctx context.Context, w *render, queue func(pgx.Tx) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := pgx.BeginFunc(ctx, r.db, queue); err != nil {
		return fmt.Errorf("queue a render: %w", err)
	}
	r.renders = append(r.renders, w)
	return nil
}

// submitMany queues n small renders.
func (r *Run) submitMany(ctx context.Context, n int) error {
	for range n {
		if _, err := r.submit(ctx, r.small()); err != nil {
			return err
		}
	}
	return nil
}

// open counts the renders that have not ended.
func (r *Run) open(ctx context.Context) (n int, err error) {
	err = r.db.QueryRow(ctx, "select count(*) from renders where status not in ('done', 'failed', 'cancelled')").Scan(&n)
	return n, err
}

// feed keeps about n small renders in progress until the function that it returns is called.
func (r *Run) feed(ctx context.Context, n int) (stop func() error) {
	rng := r.another()
	return r.keep(ctx, n, func() error {
		_, err := r.submit(ctx, newCampaign(rng, 1+rng.IntN(4)*rng.IntN(2)))
		return err
	})
}

// keep submits another render whenever fewer than n are in progress, until the function that it
// returns is called.
func (r *Run) keep(ctx context.Context, n int, submit func() error) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	r.beside.Go(func() {
		for {
			open, err := r.open(ctx)
			for ; err == nil && open < n; open++ {
				err = submit()
			}
			switch {
			case ctx.Err() != nil || err == nil && !pause(ctx, 200*time.Millisecond):
				done <- nil
				return
			case err != nil:
				done <- err
				return
			}
		}
	})
	return func() error {
		cancel()
		return <-done
	}
}
