package renders

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Report is a render with all that is known of how it is made.
type Report struct {
	Render Render `json:"render"`

	Making
}

// Frames returns how many frames the finished video has, as measured on the file, and at which
// rate. Both are zero before the video is finished.
func (r Report) Frames() (frames int, rate msg.Rate, err error) {
	frames, rate, err = Frames(r.Tasks)
	if err != nil || frames == 0 || rate != (msg.Rate{}) {
		return frames, rate, err
	}
	// Tasks that came over the API have no rate.
	var found struct {
		Rate msg.Rate `json:"rate"`
	}
	err = json.Unmarshal(r.Render.Report, &found)
	return frames, found.Rate, err
}

// Making is how a render is made.
type Making struct {
	Stages []Stage `json:"stages" nullable:"false"`
	Tasks  []Task  `json:"tasks" nullable:"false"`
	// SetAside are jobs of the render's that the database refuses: none, as a rule.
	SetAside []Aside `json:"set_aside,omitempty"`
	// Paused are the kinds of its unfinished tasks that are paused: none, as a rule.
	Paused []Paused `json:"paused,omitempty"`
}

// Read returns a render's report. It returns ErrNotFound as Get does.
func Read(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (r Report, err error) {
	if r.Render, err = Get(ctx, db, id); err != nil {
		return r, err
	}
	if r.Tasks, err = Tasks(ctx, db, id); err != nil {
		return r, err
	}
	if err := AddAttempts(ctx, db, r.Tasks); err != nil {
		return r, err
	}
	if r.SetAside, err = SetAside(ctx, db, id); err != nil {
		return r, err
	}
	paused, err := PausedKinds(ctx, db)
	if err != nil {
		return r, err
	}
	for _, p := range paused {
		if slices.ContainsFunc(r.Tasks, func(t Task) bool { return t.Kind == p.Kind && t.Waits() }) {
			r.Paused = append(r.Paused, p)
		}
	}
	r.Stages = Stages(r.Tasks)
	// Empty lists, not null.
	r.Stages, r.Tasks = append([]Stage{}, r.Stages...), append([]Task{}, r.Tasks...)
	return r, nil
}
