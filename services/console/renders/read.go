package renders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/access"
)

// Render is a row of renders, with its campaign's name.
type Render struct {
	ID           uuid.UUID `json:"id"`
	CampaignID   uuid.UUID `json:"campaign_id"`
	Campaign     *string   `json:"campaign"`
	Status       string    `json:"status"`
	Progress     int       `json:"progress"`
	VideoURL     *string   `json:"final_video_url"`
	ThumbURL     *string   `json:"thumb_url"`
	ThumbSmall   *string   `json:"thumb_small_url"`
	PreviewURL   *string   `json:"preview_url"`
	PreviewWebP  *string   `json:"preview_webp_url"`
	ShareURL     *string   `json:"share_url"`
	ErrorCode    *string   `json:"error_code"`
	ErrorMessage *string   `json:"error_message"`
	// Warnings are what went otherwise than asked, though the render may be done; empty when
	// nothing did.
	Warnings []msg.Warning `json:"warnings"`
	// Report is what the finished video was found to be: docs/reference/report.md. Null before it
	// is finished.
	Report      json.RawMessage `json:"report"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	CompletedAt *time.Time      `json:"completed_at"`
	// TraceID names the trace that the render is part of, if it was submitted with one.
	TraceID *string `json:"trace_id" doc:"The trace that the render is part of, if it was submitted with one (traceparent); else null."`
}

// Ended reports whether the render is done, failed or cancelled.
func (r Render) Ended() bool {
	return r.Status == Done || r.Status == "failed" || r.Status == "cancelled"
}

// Done is the status of a render whose video is there.
const Done = "done"

// Task is one task of a render's plan.
type Task struct {
	ID   uuid.UUID `json:"id"`
	Kind msg.Kind  `json:"kind"`
	// Scene is the scene's ordinal in the video, from 1; 0 for a task of the whole video.
	Scene int    `json:"scene,omitempty"`
	State string `json:"state"`
	// Reused says that its outputs are those of another render's task, or of another plan of this
	// render, and that no worker made them for it.
	Reused bool `json:"reused"`
	// ReusedFrom is the render that made them, which may be this one; null where Reused is false.
	ReusedFrom *uuid.UUID `json:"reused_from" nullable:"true"`
	// WaitsFor is the render that makes what this task waits for; null when it waits for none.
	WaitsFor *uuid.UUID `json:"waits_for" nullable:"true"`
	// WaitsForScene is the scene that it waits for when this very render makes that, which has the
	// same page; else 0.
	WaitsForScene int             `json:"waits_for_scene,omitempty"`
	Progress      float64         `json:"progress"`
	Attempt       int             `json:"attempt"`
	Failures      int             `json:"failures"`
	Worker        *string         `json:"worker"`
	NotBefore     *time.Time      `json:"not_before"`
	StartedAt     *time.Time      `json:"started_at"`
	EndedAt       *time.Time      `json:"ended_at"`
	Facts         json.RawMessage `json:"facts"`
	Attempts      []Attempt       `json:"attempts"`

	weight float64
	rate   msg.Rate
}

// Waits reports whether a task waits for a worker, or for other tasks.
func (t Task) Waits() bool { return t.State == "waiting" || t.State == "due" }

// Attempt is one grant of a task, and how it ended.
type Attempt struct {
	Attempt   int        `json:"attempt"`
	Worker    string     `json:"worker"`
	GrantedAt time.Time  `json:"granted_at"`
	EndedAt   *time.Time `json:"ended_at"`
	// Outcome is done, failed, lapsed, handed_back or stopped; null while the attempt runs.
	Outcome      *string `json:"outcome"`
	ErrorCode    *string `json:"error_code"`
	ErrorMessage *string `json:"error_message"`
	// Detail is for the operator.
	Detail *string `json:"detail"`
	// BundleKey is where the failure bundle is, in the work bucket; null when there is none.
	BundleKey *string `json:"bundle_key"`
	// Used is what it used; left out while it runs, and when nobody said: it was stopped or lost,
	// or its worker is older.
	Used *msg.Usage `json:"used,omitempty"`
}

var (
	// ErrNotFound says that no render has that id.
	ErrNotFound = errors.New("there is no such render")
	// ErrNoCampaign says that no campaign has that id.
	ErrNoCampaign = errors.New("there is no such campaign")
	// ErrAmbiguous says that an id's beginning is that of several renders.
	ErrAmbiguous = errors.New("several renders' ids begin with that")
	// ErrNoLetter says that no dead letter has that id.
	ErrNoLetter = errors.New("there is no such dead letter")
	// ErrSeveralLetters says that an id's beginning or end is that of several dead letters.
	ErrSeveralLetters = errors.New("several dead letters' ids begin or end with that")
	// ErrNotMigrated says that the database lacks our tables.
	ErrNotMigrated = errors.New("this database is not prepared for loom-lite: run `loom migrate`")
)

// Files are the paths that a finished render's files are written to on the user's machine.
type Files struct {
	Video, Thumbnail string
	// PreviewGIF and PreviewWebP are empty where the campaign asks for no preview.
	PreviewGIF, PreviewWebP string
}

const selectRender = `select r.id, r.campaign_id, c.name::text, r.status::text, r.progress::int, r.final_video_url::text, r.thumb_url::text, r.thumb_small_url,
	r.preview_url, r.preview_webp_url, r.share_url,
	r.error_code, r.error_message::text, r.warnings, r.report, r.created_at, r.updated_at, r.completed_at, substr(x.traceparent, 4, 32)
	from public.renders r left join public.campaigns c on c.id = r.campaign_id left join loom.traces x on x.render_id = r.id `

func scanRender(row pgx.CollectableRow) (r Render, err error) {
	err = row.Scan(&r.ID, &r.CampaignID, &r.Campaign, &r.Status, &r.Progress, &r.VideoURL, &r.ThumbURL, &r.ThumbSmall, &r.PreviewURL, &r.PreviewWebP, &r.ShareURL, &r.ErrorCode,
		&r.ErrorMessage, &r.Warnings, &r.Report, &r.CreatedAt, &r.UpdatedAt, &r.CompletedAt, &r.TraceID)
	return r, err
}

// visible is the condition that a render is one that access.Owner, which is the second argument,
// may see.
const visible = "($2::text is null or c.user_id::text = $2::text)"

// Get returns a render. It returns ErrNotFound for one that the principal of ctx may not see.
func Get(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (Render, error) {
	rows, _ := db.Query(ctx, selectRender+"where r.id = $1::uuid and "+visible, id, access.Owner(ctx))
	r, err := pgx.CollectExactlyOneRow(rows, scanRender)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, fmt.Errorf("read render %s: %w", id, ErrNotFound)
	}
	return r, explain("read render", err)
}

// Find returns the id that prefix is the start of, or the whole of. It returns ErrNotFound, or
// ErrAmbiguous with the ids that start so.
func Find(ctx context.Context, db *pgxpool.Pool, prefix string) (uuid.UUID, error) {
	p, err := RenderPart(prefix)
	if err != nil {
		return uuid.Nil, err
	}
	rows, _ := db.Query(ctx, "select id from public.renders where id::text like $1 || '%' order by created_at desc limit 5", p.text)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return uuid.Nil, explain("look for render", err)
	}
	return p.One(ids)
}

// Tasks returns the tasks of a render's newest plan, in the order of the pipeline, without their
// attempts. There are none before its job has been claimed. Where the plan has been thinned, they
// are those of its history, with attempts.
func Tasks(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) ([]Task, error) {
	var plan uuid.UUID
	var thinned []byte
	err := db.QueryRow(ctx, "select p.id, p.history from loom.plans p where p.render_id = $1::uuid order by p.created_at desc limit 1", id).
		Scan(&plan, &thinned)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, explain("read plan", err)
	case thinned != nil:
		return history(thinned)
	}
	rows, _ := db.Query(ctx, `select t.id, t.kind, coalesce((p.params ->> 'scene')::int, 0), t.state,
		t.source is not null, t.source_render, m.render_id, coalesce((mp.params ->> 'scene')::int, 0), t.progress, t.attempt,
		t.failures, t.worker, case when t.state = 'due' then t.not_before end, t.started_at, t.ended_at, t.facts, t.weight,
		coalesce(p.params ->> 'rate', '')
		from loom.tasks t cross join lateral loom.params_of(t.id) as p (params)
		left join loom.tasks m on m.id = t.maker left join lateral loom.params_of(m.id) as mp (params) on m.render_id = t.render_id
		where t.plan_id = $1::uuid
		order by loom.stage_rank(t.kind), t.kind desc, t.seq`, plan)
	tasks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Task, err error) {
		var rate string
		err = row.Scan(&t.ID, &t.Kind, &t.Scene, &t.State, &t.Reused, &t.ReusedFrom, &t.WaitsFor, &t.WaitsForScene, &t.Progress, &t.Attempt, &t.Failures, &t.Worker, &t.NotBefore,
			&t.StartedAt, &t.EndedAt, &t.Facts, &t.weight, &rate)
		t.Attempts = []Attempt{}
		if err == nil && rate != "" {
			err = t.rate.UnmarshalText([]byte(rate))
		}
		return t, err
	})
	return tasks, explain("read tasks", err)
}

// AddAttempts reads the attempts of tasks, which Tasks returned.
func AddAttempts(ctx context.Context, db *pgxpool.Pool, tasks []Task) error {
	place, ids := map[uuid.UUID]int{}, make([]string, len(tasks))
	for i, t := range tasks {
		place[t.ID], ids[i] = i, t.ID.String()
	}
	rows, err := db.Query(ctx, `select a.task_id, a.attempt, a.worker, a.granted_at, a.ended_at, a.outcome, a.error_code,
		a.error_message, a.detail, a.bundle_key, a.used
		from loom.attempts a where a.task_id = any ($1::text[]::uuid[]) order by a.task_id, a.attempt`, ids)
	if err != nil {
		return explain("read attempts", err)
	}
	var task uuid.UUID
	var a Attempt
	_, err = pgx.ForEachRow(rows, []any{&task, &a.Attempt, &a.Worker, &a.GrantedAt, &a.EndedAt, &a.Outcome, &a.ErrorCode,
		&a.ErrorMessage, &a.Detail, &a.BundleKey, &a.Used}, func() error {
		if i, found := place[task]; found { // not one of an older plan
			tasks[i].Attempts = append(tasks[i].Attempts, a)
		}
		return nil
	})
	return explain("read attempts", err)
}

// explain names the operation, and says what a database without our tables lacks.
func explain(operation string, err error) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && slices.Contains(undefined, pg.Code) {
		return fmt.Errorf("%s: %w", operation, ErrNotMigrated)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// undefined are the SQLSTATEs of a table, a column, a schema and a function that are not there.
var undefined = []string{"42P01", "42703", "3F000", "42883"}
