package maintain

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

// Run runs the jobs while this replica leads, until ctx is cancelled.
func (m *Maintainer) Run(ctx context.Context) {
	// Without the database there is nothing to lead. The scheduler logs that it is away.
	outage := retry.Outage{Log: m.Log, Minor: true, Down: "no leader can be elected: retrying until one can be",
		Up: "a leader can be elected again"}
	for {
		until, err := m.lead(ctx)
		if ctx.Err() != nil {
			return
		}
		outage.Note(err)
		if !until.IsZero() {
			m.term(ctx, until)
		}
		if !retry.Sleep(ctx, m.renewEvery()) {
			return
		}
	}
}

// renewEvery is how often the lease is renewed, or asked for.
func (m *Maintainer) renewEvery() time.Duration {
	return min(max(m.Lease/3, 100*time.Millisecond), 10*time.Second)
}

// lead takes or renews the lease, and returns until when this replica leads: the zero time while
// another does.
func (m *Maintainer) lead(ctx context.Context) (until time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.Lease/3)
	defer cancel()
	// The database counts the lease from later on.
	asked := time.Now()
	var leads bool
	err = m.DB.QueryRow(ctx, "select loom.lead($1::uuid, $2::text, make_interval(secs => $3::float8))", m.id, m.Name, m.Lease.Seconds()).
		Scan(&leads)
	if err != nil {
		return time.Time{}, fmt.Errorf("take the lead: %w", err)
	}
	if !leads {
		return time.Time{}, nil
	}
	return asked.Add(m.Lease), nil
}

// term runs the jobs until the lease is over or ctx is cancelled, and returns when they have ended.
func (m *Maintainer) term(ctx context.Context, until time.Time) {
	m.Log.Info().Msg("this replica maintains")
	m.Metrics.leads.Set(1)
	defer m.Metrics.ended()
	jobs, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, j := range m.jobs {
		running.Go(func() { m.repeat(jobs, j) })
	}
	m.renew(ctx, until)
	stop()
	running.Wait()
	if ctx.Err() == nil {
		m.Log.Warn().Msg("this replica maintains no more: another has the lease, or it could not be renewed")
		return
	}
	resigning, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := m.DB.Exec(resigning, "select loom.resign($1::uuid)", m.id); err != nil {
		m.Log.Warn().Err(err).Msg("the lease could not be given up: another replica takes over when it has run out")
	}
}

// renew renews the lease until it is lost or ctx is cancelled.
func (m *Maintainer) renew(ctx context.Context, until time.Time) {
	for retry.Sleep(ctx, m.renewEvery()) {
		renewing, cancel := context.WithDeadline(ctx, until)
		next, err := m.lead(renewing)
		cancel()
		switch {
		case err == nil:
			until = next
		case time.Now().Before(until): // the database is away, or the row is held
			continue
		}
		if !time.Now().Before(until) {
			return
		}
	}
}
