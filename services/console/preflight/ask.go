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

	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/services/console/audit"
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
	Begin(ctx context.Context) (pgx.Tx, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Asked are the pages to open.
type Asked struct {
	// Name is the campaign's.
	Name string
	// User is whose the preflight is; nil: nobody's in particular.
	User  *uuid.UUID
	Pages []Scene
}

// Scene is a page to open.
type Scene struct {
	// URL is the page's as people may see it.
	URL string
	// Number is the scene's, from 1.
	Number int
	// Of is a campaign of this scene alone.
	Of plan.Campaign
}

// limits are the largest that an installation may have: how long scenes last is no matter here.
var limits = plan.Limits{Scene: time.Hour, Render: math.MaxInt64}

// Of returns the pages of a campaign that somebody submits. Its error is a *plan.Invalid if the
// campaign cannot be rendered.
func Of(s renders.Submission) (Asked, error) {
	c := s.Campaign()
	read, invalid := plan.Read(c.WithSamples(), limits)
	if invalid != nil {
		return Asked{}, invalid
	}
	a := Asked{Name: s.Name, User: s.User}
	for i, scene := range c.Scenes {
		alone := plan.Campaign{OutputWidth: c.OutputWidth, OutputHeight: c.OutputHeight, Variables: c.Variables, Scenes: []plan.Scene{scene}}
		a.Pages = append(a.Pages, Scene{URL: redact.URL(read.Scenes[i].URL), Number: i + 1, Of: alone})
	}
	return a, nil
}

// Open asks for the pages to be opened, as a preflight with an id. The audit log names who asks:
// the principal of ctx.
func Open(ctx context.Context, db DB, id uuid.UUID, a Asked) error {
	type params struct {
		Scene    int           `json:"scene"`
		Campaign plan.Campaign `json:"campaign"`
	}
	type page struct {
		ID     uuid.UUID `json:"id"`
		URL    string    `json:"url"`
		Params params    `json:"params"`
	}
	var pages []page
	for _, s := range a.Pages {
		pages = append(pages, page{uuid.New(), s.URL, params{s.Number, s.Of}})
	}
	text, err := json.Marshal(pages)
	if err != nil {
		return fmt.Errorf("open preflight: %w", err)
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var opened bool
		err := tx.QueryRow(ctx, "select loom.open_preflight($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text::jsonb)",
			id, a.User, nil, a.Name, string(text)).Scan(&opened)
		if err != nil {
			return err
		}
		if !opened {
			return ErrBusy
		}
		return audit.Record(ctx, tx, "preflight.create", target(id), audit.Detail{"pages": len(pages)})
	})
	if err != nil {
		return fmt.Errorf("open preflight: %w", err)
	}
	return nil
}

// Cancel ends the pages that are not over, and reports whether there were any. The audit log says
// who did.
func Cancel(ctx context.Context, db DB, id uuid.UUID) (cancelled bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var ended int
		if err := tx.QueryRow(ctx, "select loom.cancel_preflight($1::uuid)", id).Scan(&ended); err != nil || ended == 0 {
			return err
		}
		cancelled = true
		return audit.Record(ctx, tx, "preflight.cancel", target(id), nil)
	})
	if err != nil {
		return false, fmt.Errorf("cancel preflight: %w", err)
	}
	return cancelled, nil
}

// target is a preflight's name in the audit log.
func target(id uuid.UUID) string { return "preflight/" + id.String() }
