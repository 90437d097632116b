package renders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/telemetry"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
	"github.com/loom-lite/loom-lite/services/console/campaign"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// Submission is a campaign to render. Fields that are nil are left to the columns' defaults.
type Submission struct {
	Name string
	// User is whose campaign it is; nil: nobody's.
	User               *uuid.UUID
	FacecamURL         *string
	Width, Height, FPS *int
	// Rate wins over FPS: msg.ParseRate reads it.
	Rate *string
	// Output are the video's options, as JSON.
	Output json.RawMessage
	// Shown is how the facecam is shown, as JSON.
	Shown json.RawMessage
	// Metadata is passed on to webhooks, a JSON object.
	Metadata json.RawMessage
	// Variables are declared, and Values are this render's for them: JSON objects. Values are of
	// people: no log and no error has them.
	Variables, Values json.RawMessage
	Scenes            []Scene
}

// Scene is a page and how many seconds it is shown.
type Scene struct {
	URL     string
	Seconds int
	// Options are the scene's options, as JSON; nil leaves them to the column's
	// default.
	Options json.RawMessage
}

// WithoutCache sets the cache option of the video to off, and removes that of each scene.
func (s *Submission) WithoutCache() (err error) {
	if s.Output, err = edited(s.Output, func(fields map[string]json.RawMessage) { fields["cache"] = json.RawMessage(`"off"`) }); err != nil {
		return fmt.Errorf("switch the cache off: %w", err)
	}
	for i := range s.Scenes {
		scene := &s.Scenes[i]
		if scene.Options == nil {
			continue
		}
		scene.Options, err = edited(scene.Options, func(fields map[string]json.RawMessage) { delete(fields, "cache") })
		if err != nil {
			return fmt.Errorf("switch the cache of scene %d off: %w", i+1, err)
		}
	}
	return nil
}

// edited returns options, as JSON, after edit has changed their fields; nil has none.
func edited(options json.RawMessage, edit func(map[string]json.RawMessage)) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if options != nil {
		if err := json.Unmarshal(options, &fields); err != nil {
			return nil, err
		}
	}
	edit(fields)
	return json.Marshal(fields)
}

// Submit inserts the rows that the app inserts when somebody presses "Render", and returns the
// render's id.
func Submit(ctx context.Context, db *pgxpool.Pool, s Submission) (uuid.UUID, error) {
	render := uuid.New()
	_, err := SubmitAs(ctx, db, render, s)
	return render, err
}

// SubmitAs is Submit for a caller that has chosen the render's id, from which the campaign's
// follows. If there is such a render, it does nothing and returns false: a request that is sent
// again makes no second one.
func SubmitAs(ctx context.Context, db *pgxpool.Pool, render uuid.UUID, s Submission) (submitted bool, err error) {
	campaign := uuid.NewSHA1(render, []byte("campaign"))
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if submitted, err = InsertCampaign(ctx, tx, campaign, s); err != nil || !submitted {
			return err
		}
		return queue(ctx, tx, campaign, render, s.Values)
	})
	if err != nil {
		return false, explain("submit render", err)
	}
	return submitted, nil
}

// SubmitCampaign queues a render of a campaign that is there, with an id that the caller has
// chosen. values are those of its variables, a JSON object or nil. If there is such a render, it
// does nothing and returns false. It returns ErrNoCampaign, and a *plan.Invalid if the campaign
// does not take the values.
func SubmitCampaign(ctx context.Context, db *pgxpool.Pool, render, campaign uuid.UUID, values json.RawMessage) (submitted bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var there bool
		var declared json.RawMessage
		err := tx.QueryRow(ctx, `select exists (select from public.renders r where r.id = $3::uuid), c.variables from public.campaigns c
			where c.id = $1::uuid and `+visible+" for key share", campaign, access.Owner(ctx), render).Scan(&there, &declared)
		if err != nil || there {
			return err
		}
		if invalid := plan.CheckValues(declared, values); invalid != nil {
			return invalid
		}
		submitted = true
		return queue(ctx, tx, campaign, render, values)
	})
	if invalid := new(plan.Invalid); errors.As(err, &invalid) {
		return false, invalid
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNoCampaign
	}
	if err != nil {
		return false, explain("submit render", err)
	}
	return submitted, nil
}

// queue inserts a render and its job.
func queue(ctx context.Context, tx pgx.Tx, campaign, render uuid.UUID, values json.RawMessage) error {
	sql, args := "insert into public.renders (id, campaign_id, status, progress) values ($1::uuid, $2::uuid, 'queued', 0)", []any{render, campaign}
	if values != nil {
		sql = "insert into public.renders (id, campaign_id, status, progress, variables) values ($1::uuid, $2::uuid, 'queued', 0, $3::text::jsonb)"
		args = append(args, string(values))
	}
	if _, err := tx.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("insert render: %w", err)
	}
	if _, err := tx.Exec(ctx, "insert into public.render_jobs (id, render_id, state) values ($1::uuid, $2::uuid, 'queued')", uuid.New(), render); err != nil {
		return fmt.Errorf("insert render job: %w", err)
	}
	if err := noteTrace(ctx, tx, render); err != nil {
		return err
	}
	return audit.Record(ctx, tx, "render.create", Target(render), audit.Detail{"campaign_id": campaign})
}

// noteTrace keeps the trace of ctx, if it has one: a render is part of the last one with which it
// was submitted or retried.
func noteTrace(ctx context.Context, tx pgx.Tx, render uuid.UUID) error {
	trace := telemetry.Submitted(ctx, render, msg.TraceOf(ctx))
	if trace == (msg.Trace{}) {
		return nil
	}
	_, err := tx.Exec(ctx, `insert into loom.traces (render_id, traceparent) values ($1::uuid, $2::text)
		on conflict (render_id) do update set traceparent = excluded.traceparent`, render, trace.String())
	if err != nil {
		return fmt.Errorf("note the trace: %w", err)
	}
	return nil
}

// Target is what the audit log calls a render.
func Target(id uuid.UUID) string { return "render/" + id.String() }

// InsertCampaign inserts a campaign and its scenes. If there is such a campaign, it does nothing
// and returns false.
func InsertCampaign(ctx context.Context, tx pgx.Tx, id uuid.UUID, s Submission) (inserted bool, err error) {
	sql, args := insertCampaign(id, s)
	tag, err := tx.Exec(ctx, sql+" on conflict (id) do nothing", args...)
	if err != nil {
		return false, fmt.Errorf("insert campaign: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	for i, scene := range s.Scenes {
		if err := InsertScene(ctx, tx, id, i, scene); err != nil {
			return false, err
		}
	}
	return true, nil
}

// InsertScene inserts a scene at a place, from 0.
func InsertScene(ctx context.Context, tx pgx.Tx, campaign uuid.UUID, place int, scene Scene) error {
	sql, args := insertScene(campaign, place, scene)
	if _, err := tx.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("insert scene %d: %w", place+1, err)
	}
	return nil
}

// insertCampaign names only the columns that are given: null would override their defaults.
func insertCampaign(id uuid.UUID, s Submission) (sql string, args []any) {
	columns, places := "id, name", "$1, $2"
	args = []any{id, s.Name}
	add := func(column string, value any) {
		args = append(args, value)
		columns += ", " + column
		places += fmt.Sprintf(", $%d", len(args))
	}
	if s.User != nil {
		add("user_id", *s.User)
	}
	if s.FacecamURL != nil {
		add("facecam_url", *s.FacecamURL)
	}
	for _, c := range []struct {
		name  string
		value *int
	}{{"output_width", s.Width}, {"output_height", s.Height}, {"output_fps", s.FPS}} {
		if c.value != nil {
			add(c.name, *c.value)
		}
	}
	if s.Rate != nil {
		add("output_rate", *s.Rate)
	}
	if s.Output != nil {
		add("output_options", s.Output)
	}
	if s.Shown != nil {
		add("facecam_options", s.Shown)
	}
	if s.Metadata != nil {
		add("metadata", s.Metadata)
	}
	if s.Variables != nil {
		add("variables", s.Variables)
	}
	return "insert into public.campaigns (" + columns + ") values (" + places + ")", args
}

// insertScene names our own column only when the scene has options.
func insertScene(campaign uuid.UUID, place int, s Scene) (sql string, args []any) {
	args = []any{uuid.New(), campaign, s.URL, s.Seconds, place}
	if s.Options == nil {
		return "insert into public.scenes (id, campaign_id, url, duration_sec, order_index) values ($1, $2, $3, $4, $5)", args
	}
	return "insert into public.scenes (id, campaign_id, url, duration_sec, order_index, options) values ($1, $2, $3, $4, $5, $6)",
		append(args, s.Options)
}

// NewSubmission returns the submission of a campaign. base is where its folder is served, as in
// campaign.Ref.URL.
func NewSubmission(c *campaign.Campaign, base string) (Submission, error) {
	s := Submission{Name: c.Name, Width: c.Width, Height: c.Height, FPS: c.FPS, Rate: c.Rate, Shown: c.Shown, Metadata: c.Metadata, Variables: c.Variables}
	var err error
	if s.Output, err = c.Output(base); err != nil {
		return Submission{}, err
	}
	if c.Facecam != nil {
		url := c.Facecam.URL(base)
		s.FacecamURL = &url
	}
	for _, scene := range c.Scenes {
		s.Scenes = append(s.Scenes, Scene{URL: scene.Page.URL(base), Seconds: scene.Duration, Options: scene.Options})
	}
	return s, nil
}
