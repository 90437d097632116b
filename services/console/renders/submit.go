package renders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Submission is a campaign to render. Fields that are nil are left to the columns' defaults.
type Submission struct {
	Name               string
	FacecamURL         *string
	Width, Height, FPS *int
	// Rate wins over FPS: msg.ParseRate reads it.
	Rate *string
	// Output are the video's options, as JSON.
	Output json.RawMessage
	// Shown is how the facecam is shown, as JSON.
	Shown  json.RawMessage
	Scenes []Scene
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
	campaign, render := uuid.New(), uuid.New()
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		sql, args := insertCampaign(campaign, s)
		if _, err := tx.Exec(ctx, sql, args...); err != nil {
			return fmt.Errorf("insert campaign: %w", err)
		}
		for i, scene := range s.Scenes {
			sql, args := insertScene(campaign, i, scene)
			if _, err := tx.Exec(ctx, sql, args...); err != nil {
				return fmt.Errorf("insert scene %d: %w", i+1, err)
			}
		}
		if _, err := tx.Exec(ctx, `insert into public.renders (id, campaign_id, status, progress) values ($1, $2, 'queued', 0)`,
			render, campaign); err != nil {
			return fmt.Errorf("insert render: %w", err)
		}
		if _, err := tx.Exec(ctx, `insert into public.render_jobs (id, render_id, state) values ($1, $2, 'queued')`,
			uuid.New(), render); err != nil {
			return fmt.Errorf("insert render job: %w", err)
		}
		return nil
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("submit render: %w", err)
	}
	return render, nil
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

// Cancel ends a render and its jobs, and returns its status then. Its workers stop within seconds.
// It does nothing to a render that has ended.
func Cancel(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (cancelled bool, status string, err error) {
	err = unlessHeld(ctx, db, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "select not loom.is_terminal(status::text) from public.renders where id = $1::uuid for no key update", id).Scan(&cancelled)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "select loom.cancel_render($1::uuid)", id); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "select status::text from public.renders where id = $1::uuid", id).Scan(&status)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, "", fmt.Errorf("cancel render: %w", ErrNotFound)
	case err != nil:
		return false, "", explain("cancel render", err)
	}
	return cancelled, status, nil
}
