package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

var (
	// ErrNotFound says that no preflight has that id, or that it is older than a day.
	ErrNotFound = errors.New("there is no such preflight")
	// ErrBusy says that too many pages are waiting.
	ErrBusy = errors.New("too many pages of preflights are waiting: try again when some are done")
)

// DB is what is needed of the database: a pool or a transaction.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Asked are the pages to open.
type Asked struct {
	// Name is the campaign's.
	Name string
	// User is whose the preflight is; nil: nobody's in particular.
	User *uuid.UUID
	// Campaign is the app's, if the pages are of one.
	Campaign *uuid.UUID
	Pages    []msg.PreflightParams
}

// limits are the largest that an installation may have: how long scenes last is no matter here.
var limits = plan.Limits{Scene: time.Hour, Render: math.MaxInt64}

// Of returns the pages of a campaign that somebody submits. Its error is a *plan.Invalid if the
// campaign cannot be rendered.
func Of(s renders.Submission) (Asked, error) {
	c := plan.Campaign{
		OutputWidth: s.Width, OutputHeight: s.Height, OutputFPS: s.FPS, OutputRate: s.Rate, OutputOptions: s.Output,
		FacecamURL: s.FacecamURL, FacecamOptions: s.Shown,
	}
	for _, scene := range s.Scenes {
		c.Scenes = append(c.Scenes, plan.Scene{URL: &scene.URL, Seconds: &scene.Seconds, Options: scene.Options})
	}
	pages, err := pagesOf(c)
	return Asked{Name: s.Name, Pages: pages}, err
}

func pagesOf(c plan.Campaign) (pages []msg.PreflightParams, err error) {
	r, invalid := plan.Read(c, limits)
	if invalid != nil {
		return nil, invalid
	}
	for i, s := range r.Scenes {
		width, height := s.Options.Picture(r.Width, r.Height)
		pages = append(pages, msg.PreflightParams{Scene: i + 1, URL: s.URL, Width: width, Height: height, Options: s.Options})
	}
	return pages, nil
}

// Open asks for the pages to be opened, and returns the preflight's id.
func Open(ctx context.Context, db DB, a Asked) (uuid.UUID, error) {
	type page struct {
		ID     uuid.UUID           `json:"id"`
		URL    string              `json:"url"`
		Params msg.PreflightParams `json:"params"`
	}
	var pages []page
	for _, p := range a.Pages {
		pages = append(pages, page{uuid.New(), redact.URL(p.URL), p})
	}
	text, err := json.Marshal(pages)
	if err != nil {
		return uuid.Nil, fmt.Errorf("open preflight: %w", err)
	}
	id := uuid.New()
	var opened bool
	err = db.QueryRow(ctx, "select loom.open_preflight($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text::jsonb)",
		id, a.User, a.Campaign, a.Name, string(text)).Scan(&opened)
	if err != nil {
		return uuid.Nil, fmt.Errorf("open preflight: %w", err)
	}
	if !opened {
		return uuid.Nil, fmt.Errorf("open preflight: %w", ErrBusy)
	}
	return id, nil
}

// Cancel ends the pages that are not over.
func Cancel(ctx context.Context, db DB, id uuid.UUID) error {
	if _, err := db.Exec(ctx, "select loom.cancel_preflight($1::uuid)", id); err != nil {
		return fmt.Errorf("cancel preflight: %w", err)
	}
	return nil
}
