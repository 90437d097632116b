package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// Kinds of incidents.
const (
	RenderFailed = "render_failed"
	QueueWaits   = "queue_waits"
	StageIdle    = "stage_idle"
)

// every is how often to look.
const every = 15 * time.Second

// Watcher looks for incidents.
type Watcher struct {
	DB       webhooks.DB
	Settings Settings
	Keeper   *webhooks.Keeper
	Log      zerolog.Logger
}

// incident is something that is wrong now.
type incident struct {
	Kind   string `json:"kind"`
	About  string `json:"about"`
	Detail any    `json:"detail"`
}

// Run looks until ctx is cancelled.
func (w *Watcher) Run(ctx context.Context) {
	outage := retry.Outage{Log: w.Log, Minor: true, Down: "incidents are not looked for: retrying until they can be", Up: "incidents are looked for"}
	settled := false
	for {
		var err error
		if !settled {
			err = w.settle(ctx)
			settled = err == nil
		}
		err = errors.Join(err, w.Look(ctx))
		if ctx.Err() != nil {
			return
		}
		outage.Note(err)
		if !retry.Sleep(ctx, every) {
			return
		}
	}
}

// Look finds what is wrong now, and tells what has begun and what is over.
func (w *Watcher) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, every)
	defer cancel()
	var concerned bool
	err := w.DB.QueryRow(ctx, "select loom.is_wanted('alert.opened', null) or exists (select from loom.alerts where closed_at is null)").Scan(&concerned)
	if err != nil {
		return fmt.Errorf("look for endpoints of alerts: %w", err)
	}
	if !concerned {
		return nil
	}
	now := []incident{}
	for _, find := range []func(context.Context) ([]incident, error){w.failed, w.waits, w.idle} {
		found, err := find(ctx)
		if err != nil {
			return err
		}
		now = append(now, found...)
	}
	text, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("write incidents: %w", err)
	}
	rows, err := w.DB.Query(ctx, "select kind, about, opened from loom.note_alerts($1::text::jsonb)", string(text))
	if err != nil {
		return fmt.Errorf("note incidents: %w", err)
	}
	var kind, about string
	var opened bool
	_, err = pgx.ForEachRow(rows, []any{&kind, &about, &opened}, func() error {
		w.Log.Warn().Str("kind", kind).Str("about", about).Bool("over", !opened).Msg("an incident is told")
		return nil
	})
	if err != nil {
		return fmt.Errorf("note incidents: %w", err)
	}
	return nil
}

// detail is what is written of an incident: a part of its data.
type detail struct {
	Text string `json:"text"`
	webhooks.AlertDetail
}

func (w *Watcher) failed(ctx context.Context) ([]incident, error) {
	if !w.Settings.Failed {
		return nil, nil
	}
	rows, err := w.DB.Query(ctx, `
		select coalesce(v.data ->> 'error_code', 'internal'), count(*)::int, max(v.created_at), (array_agg(v.render_id order by v.created_at desc))[1]
		  from loom.webhook_events v
		 where v.type = 'render.failed'
		   and v.created_at > coalesce((select a.opened_at from loom.alerts a where a.kind = $2::text and a.closed_at is null), clock_timestamp())
		                      - make_interval(secs => $1::float8)
		 group by 1`, w.Settings.Quiet.Seconds(), RenderFailed)
	if err != nil {
		return nil, fmt.Errorf("look for renders that have failed: %w", err)
	}
	d := detail{AlertDetail: webhooks.AlertDetail{Codes: map[string]int{}}}
	count := 0
	var last, at time.Time
	var code string
	var n int
	var render *uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&code, &n, &at, &render}, func() error {
		d.Codes[code], count = n, count+n
		if at.After(last) {
			last, d.RenderID = at, render
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for renders that have failed: %w", err)
	}
	var recent bool
	err = w.DB.QueryRow(ctx, "select $1::timestamptz > clock_timestamp() - make_interval(secs => $2::float8)", last, w.Settings.Quiet.Seconds()).Scan(&recent)
	if err != nil || !recent {
		return nil, err
	}
	d.Count, d.Text = &count, fmt.Sprintf("%d renders have failed.", count)
	if count == 1 {
		d.Text = "A render has failed."
	}
	return []incident{{RenderFailed, "", d}}, nil
}

func (w *Watcher) waits(ctx context.Context) ([]incident, error) {
	if w.Settings.QueueWait == 0 {
		return nil, nil
	}
	d := detail{Text: fmt.Sprintf("The oldest job has waited longer than %s.", w.Settings.QueueWait)}
	// A job whose render is in progress waits for that one's end.
	err := w.DB.QueryRow(ctx, `
		select j.render_id, coalesce(j.queued_at, j.created_at::timestamptz) from public.render_jobs j
		 where j.state = 'queued' and coalesce(j.queued_at, j.created_at::timestamptz) < clock_timestamp() - make_interval(secs => $1::float8)
		   and not exists (select from loom.plans p where p.render_id = j.render_id and p.ended_at is null)
		 order by 2 limit 1`, w.Settings.QueueWait.Seconds()).Scan(&d.RenderID, &d.QueuedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the oldest job: %w", err)
	}
	return []incident{{QueueWaits, "", d}}, nil
}

func (w *Watcher) idle(ctx context.Context) ([]incident, error) {
	if w.Settings.StageWait == 0 {
		return nil, nil
	}
	rows, err := w.DB.Query(ctx, `
		select loom.stage_of(t.kind), min(t.not_before)
		  from loom.tasks t
		 where t.plan_id = any (array(select p.id from loom.plans p where p.ended_at is null)) and t.state = 'due'
		   and t.not_before < clock_timestamp() - make_interval(secs => $1::float8)
		   and not exists (select from loom.paused s where s.kind = t.kind)
		 group by 1
		having not exists (select from loom.workers k where k.stage = loom.stage_of(min(t.kind))
		                      and k.heard_at > clock_timestamp() - make_interval(secs => $1::float8))
		   and not exists (select from loom.tasks r where r.plan_id = any (array(select p.id from loom.plans p where p.ended_at is null))
		                      and r.state = 'running' and loom.stage_of(r.kind) = loom.stage_of(min(t.kind)) and r.lease_until > clock_timestamp())`,
		w.Settings.StageWait.Seconds())
	if err != nil {
		return nil, fmt.Errorf("look for stages without workers: %w", err)
	}
	var found []incident
	var stage string
	var since time.Time
	_, err = pgx.ForEachRow(rows, []any{&stage, &since}, func() error {
		text := fmt.Sprintf("Tasks of the stage %s are due, and no worker takes them.", stage)
		first := since
		found = append(found, incident{StageIdle, stage, detail{text, webhooks.AlertDetail{DueSince: &first}}})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for stages without workers: %w", err)
	}
	return found, nil
}
