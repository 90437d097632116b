package maintain

import (
	"context"
	"time"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

// job is something that the leader does again and again.
type job struct {
	name  string
	every time.Duration
	// run does all that is due. It calls removed with how much of what it has removed.
	run func(ctx context.Context, removed func(what string, n int)) error
}

// What jobs remove.
const (
	objects = "objects"
	rows    = "rows"
	uploads = "uploads"
)

// atMost and atLeast bound the pause between two runs of a job that removes what has become old.
const (
	atMost  = 10 * time.Minute
	atLeast = time.Second
)

// lookThrough is how often whole buckets are listed.
const lookThrough = 3 * time.Hour

// within is how often to look for what is older than age.
func within(age time.Duration) time.Duration { return min(max(age/4, atLeast), atMost) }

// list returns the jobs.
func (m *Maintainer) list() []job {
	s := newSweeper(m.Config)
	jobs := []job{
		{"renders", within(m.Retention), s.plans},
		{"deleted_renders", within(m.Retention), s.leftovers},
		{"copies", within(m.Retention), s.copies},
		{"orphans", lookThrough, m.orphans},
		{"uploads", lookThrough, m.uploads},
		{"rows", atMost, m.rows},
		{"tables", atMost, m.measure},
	}
	if m.History > 0 {
		jobs = append(jobs, job{"history", within(m.History), m.thin})
	}
	if m.Audit > 0 {
		jobs = append(jobs, job{"audit", atMost, m.forgetAudit})
	}
	return jobs
}

// repeat runs a job until ctx is cancelled.
func (m *Maintainer) repeat(ctx context.Context, j job) {
	for {
		began := time.Now()
		err := j.run(ctx, func(what string, n int) { m.Metrics.removed.WithLabelValues(j.name, what).Add(float64(n)) })
		if ctx.Err() != nil {
			return
		}
		m.Metrics.ran(j.name, time.Since(began), err)
		if err != nil {
			m.Log.Warn().Err(err).Str("job", j.name).Msg("maintenance could not do everything: the rest is tried again")
		}
		if !retry.Sleep(ctx, j.every) {
			return
		}
	}
}
