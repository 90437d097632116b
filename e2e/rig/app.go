package rig

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// App is the product's web app: it inserts rows, and polls renders until they have ended. It uses
// only the app's own tables.
type App struct{ DB *pgxpool.Pool }

// Campaign is what the app stores.
type Campaign struct {
	Facecam       string // URL; empty for none
	Width, Height int
	FPS           int
	// Output and Shown are output_options and facecam_options, as JSON; empty for none.
	Output, Shown string
	// Variables and Values are the campaign's declaration and the render's values, as JSON; empty
	// for none.
	Variables, Values string
	Scenes            []Scene
}

// Scene is a page, how long it is shown, and its place. Scenes whose Order is 0 take the order in
// which they are listed.
type Scene struct {
	// ID is the row's; empty is one of the database's choice.
	ID      string
	URL     string
	Seconds int
	Order   int
	// Options are the scene's, as JSON; empty for none.
	Options string
	// Realtime says that frames may be repeated or skipped.
	Realtime bool
}

// Frames returns how many frames the campaign's video has.
func (c Campaign) Frames() int {
	n := 0
	for _, s := range c.Scenes {
		n += s.Seconds * c.FPS
	}
	return n
}

// Seen is a status and a progress that the app's user saw.
type Seen struct {
	Status   string
	Progress int
}

// Render is a row of renders that has ended, with its history.
type Render struct {
	ID           uuid.UUID
	Status       string
	Progress     int
	VideoURL     string
	ThumbURL     string
	ErrorCode    string
	ErrorMessage string
	JobStates    []string
	// History is every change of the row, as a trigger recorded it.
	History []Seen
}

// Statuses returns the statuses that the render went through.
func (r Render) Statuses() []string {
	var s []string
	for _, h := range r.History {
		s = append(s, h.Status)
	}
	return slices.Compact(s)
}

// history records every change of renders, so that a status which lasts for a moment is seen too.
const history = `
create table e2e_history (seq bigserial primary key, render_id uuid, status text, progress int);
create function e2e_record() returns trigger language plpgsql as $$
begin
  insert into public.e2e_history (render_id, status, progress) values (new.id, new.status, new.progress);
  return null;
end
$$;
create trigger e2e_record after insert or update on renders for each row execute function e2e_record();
grant insert on e2e_history to loom_ingest, loom_uploader;
grant usage on sequence e2e_history_seq_seq to loom_ingest, loom_uploader;`

// Submit presses "Render": it inserts campaign, scenes, render and job with plain SQL, and returns
// the render's id. The campaign is a user's of its own, so nothing of other renders is reused.
func (a *App) Submit(t testing.TB, c Campaign) uuid.UUID {
	t.Helper()
	var render uuid.UUID
	err := pgx.BeginFunc(context.Background(), a.DB, func(tx pgx.Tx) error {
		ctx := context.Background()
		var campaign uuid.UUID
		err := tx.QueryRow(ctx, `insert into campaigns (name, user_id, facecam_url, output_width, output_height, output_fps, output_options, facecam_options, variables)
			values ('e2e', gen_random_uuid(), nullif($1, ''), $2, $3, $4, coalesce(nullif($5, '')::jsonb, '{}'), coalesce(nullif($6, '')::jsonb, '{}'),
			        coalesce(nullif($7, '')::jsonb, '{}')) returning id`,
			c.Facecam, c.Width, c.Height, c.FPS, c.Output, c.Shown, c.Variables).Scan(&campaign)
		if err != nil {
			return err
		}
		for i, s := range c.Scenes {
			order := s.Order
			if order == 0 {
				order = i + 1
			}
			_, err := tx.Exec(ctx, `insert into scenes (id, campaign_id, url, duration_sec, order_index, options)
				values (coalesce(nullif($1, '')::uuid, gen_random_uuid()), $2, $3, $4, $5, coalesce(nullif($6, '')::jsonb, '{}'))`,
				s.ID, campaign, s.URL, s.Seconds, order, s.Options)
			if err != nil {
				return err
			}
		}
		err = tx.QueryRow(ctx, `insert into renders (campaign_id, status, progress, variables) values ($1, 'queued', 0, coalesce(nullif($2, '')::jsonb, '{}')) returning id`,
			campaign, c.Values).Scan(&render)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into render_jobs (render_id, state) values ($1, 'queued')`, render)
		return err
	})
	if err != nil {
		t.Fatalf("submit a campaign: %v", err)
	}
	return render
}

// SubmitAgain presses "Render" once more, for the campaign of a render.
func (a *App) SubmitAgain(t testing.TB, render uuid.UUID) uuid.UUID {
	t.Helper()
	return Value[uuid.UUID](t, a, `with r as (insert into renders (campaign_id, status, progress)
			select campaign_id, 'queued', 0 from renders where id = $1 returning id),
		j as (insert into render_jobs (render_id, state) select id, 'queued' from r) select id from r`, render)
}

// Await polls a render until it has ended, and checks that its status and progress never went back.
func (a *App) Await(t testing.TB, id uuid.UUID) Render {
	t.Helper()
	return a.AwaitWithin(t, id, Patience)
}

// AwaitWithin is Await for a render that is known to take long.
func (a *App) AwaitWithin(t testing.TB, id uuid.UUID, patience time.Duration) Render {
	t.Helper()
	var r Render
	var polled []Seen
	within(t, patience, "render "+id.String()+" ends", func() bool {
		var err error
		if r, err = a.Look(id); err != nil {
			return false // Postgres may be away
		}
		polled = append(polled, Seen{r.Status, r.Progress})
		return slices.Contains([]string{"done", "failed", "cancelled"}, r.Status)
	})
	rows, err := a.DB.Query(context.Background(), `select status, progress from e2e_history where render_id = $1 order by seq`, id)
	if err != nil {
		t.Fatalf("read the history of a render: %v", err)
	}
	if r.History, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Seen]); err != nil {
		t.Fatalf("read the history of a render: %v", err)
	}
	for _, seen := range [][]Seen{polled, r.History} {
		if fault := Backward(seen); fault != "" {
			t.Errorf("render %s: %s: %v", id, fault, seen)
		}
	}
	return r
}

// Look reads a render's row and the states of its jobs.
func (a *App) Look(id uuid.UUID) (Render, error) {
	r := Render{ID: id}
	err := a.DB.QueryRow(context.Background(), `
		select status, progress, coalesce(final_video_url, ''), coalesce(thumb_url, ''), coalesce(error_code, ''),
		       coalesce(error_message, ''), array(select state from render_jobs where render_id = r.id order by created_at)
		  from renders r where id = $1`, id).
		Scan(&r.Status, &r.Progress, &r.VideoURL, &r.ThumbURL, &r.ErrorCode, &r.ErrorMessage, &r.JobStates)
	return r, err
}

var statuses = []string{"queued", "recording", "normalizing", "concatenating", "overlaying", "uploading", "done"}

// Backward returns what in a sequence of observations breaks the promise to the app, or nothing:
// status moves only forward, progress never goes down, and reaches 100 only with done.
func Backward(seen []Seen) string {
	for i, s := range seen {
		if (s.Progress == 100) != (s.Status == "done") || s.Progress < 0 || s.Progress > 100 {
			return "progress is 100 with done and only then"
		}
		if i == 0 {
			continue
		}
		before := seen[i-1]
		if s.Progress < before.Progress {
			return "progress went down"
		}
		was, is := slices.Index(statuses, before.Status), slices.Index(statuses, s.Status)
		switch ended := is < 0; {
		case was < 0 && s.Status != before.Status, before.Status == "done" && s.Status != "done":
			return "status left its end"
		case !ended && is < was:
			return "status went back"
		}
	}
	return ""
}
