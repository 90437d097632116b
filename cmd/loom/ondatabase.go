package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/bulk"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/preflight"
	"github.com/loom-lite/loom-lite/services/console/receipts"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/snapshot"
	"github.com/loom-lite/loom-lite/services/console/tokens"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// onDatabase is the deployment with a database. Its settings say where objects are, and with which
// keys.
type onDatabase struct {
	db       *pgxpool.Pool
	settings map[string]string
	where    string
}

// onDatabase opens the database of settings as application.
func (a *app) onDatabase(ctx context.Context, d dataFlag, settings map[string]string, application string) (*onDatabase, error) {
	db, err := a.connect(ctx, d, settings, application)
	if err != nil {
		return nil, err
	}
	return &onDatabase{db, settings, fmt.Sprintf("%s (%s)", place("DATABASE_URL", settings["DATABASE_URL"]), a.databaseOrigin(settings))}, nil
}

func (d *onDatabase) Where() string { return d.where }

func (d *onDatabase) Close() { d.db.Close() }

func (d *onDatabase) Submit(ctx context.Context, s renders.Submission) (uuid.UUID, error) {
	return renders.Submit(ctx, d.db, s)
}

func (d *onDatabase) Find(ctx context.Context, prefix string) (uuid.UUID, error) {
	return renders.Find(ctx, d.db, prefix)
}

func (d *onDatabase) Report(ctx context.Context, id uuid.UUID) (renders.Report, error) {
	return renders.Read(ctx, d.db, id)
}

func (d *onDatabase) Forecast(ctx context.Context, id uuid.UUID) (forecast.Forecast, error) {
	forecasts, err := forecast.New(d.db).Of(ctx, id)
	return forecasts[id], err
}

func (d *onDatabase) List(ctx context.Context, limit int) ([]renders.Render, error) {
	list, _, err := renders.List(ctx, d.db, renders.Filter{}, "", limit)
	return list, err
}

func (d *onDatabase) Cancel(ctx context.Context, id uuid.UUID) (cancelled bool, status string, err error) {
	return renders.Cancel(ctx, d.db, id)
}

func (d *onDatabase) Retry(ctx context.Context, id uuid.UUID) (job *uuid.UUID, status string, err error) {
	return renders.Retry(ctx, d.db, id)
}

func (d *onDatabase) Receipt(ctx context.Context, id uuid.UUID) (r receipts.Receipt, err error) {
	prices, err := pricesOf(d.settings)
	if err != nil {
		return r, err
	}
	return receipts.Read(ctx, d.db, id, prices)
}

func (d *onDatabase) Fetch(ctx context.Context, r renders.Report, to renders.Files) error {
	return fetch(ctx, d.settings, r.Render, r.Tasks, to)
}

func (d *onDatabase) FetchBundle(ctx context.Context, _ uuid.UUID, attempt renders.Attempt, path string) error {
	return fetchBundle(ctx, d.settings, *attempt.BundleKey, path)
}

func (d *onDatabase) Count(ctx context.Context, r bulk.Request) (bulk.Counts, error) {
	return bulk.Count(ctx, d.db, r)
}

// Begin makes an action. A console carries it out; this process does so itself while none has
// begun.
func (d *onDatabase) Begin(ctx context.Context, r bulk.Request) (bulk.Action, func(), error) {
	made, err := bulk.Create(ctx, d.db, r)
	if err != nil {
		return made, nil, err
	}
	working, stop := context.WithCancel(ctx)
	var runner sync.WaitGroup
	runner.Go(func() { (&bulk.Runner{DB: d.db, Log: zerolog.Nop(), Only: made.ID}).Run(working) })
	return made, func() {
		stop()
		runner.Wait()
	}, nil
}

func (d *onDatabase) Action(ctx context.Context, id uuid.UUID) (bulk.Action, error) {
	return bulk.Get(ctx, d.db, id)
}

func (d *onDatabase) Snapshot(ctx context.Context) (snapshot.Snapshot, error) {
	return snapshot.Read(ctx, d.db)
}

func (d *onDatabase) Pause(ctx context.Context, kinds []msg.Kind) ([]msg.Kind, error) {
	return renders.Pause(ctx, d.db, kinds)
}

func (d *onDatabase) Resume(ctx context.Context, kinds []msg.Kind) ([]msg.Kind, error) {
	return renders.Resume(ctx, d.db, kinds)
}

func (d *onDatabase) Trouble(ctx context.Context) ([]renders.Paused, []renders.Aside, error) {
	aside, err := renders.SetAside(ctx, d.db, uuid.Nil)
	if err != nil {
		return nil, nil, err
	}
	paused, err := renders.PausedKinds(ctx, d.db)
	return paused, aside, err
}

func (d *onDatabase) FindLetter(ctx context.Context, part string) (uuid.UUID, error) {
	return renders.FindLetter(ctx, d.db, part)
}

func (d *onDatabase) Letters(ctx context.Context, f renders.LetterFilter, limit int) ([]renders.Letter, error) {
	return renders.Letters(ctx, d.db, f, limit)
}

func (d *onDatabase) Letter(ctx context.Context, id uuid.UUID) (renders.LetterInFull, error) {
	return renders.InFull(ctx, d.db, id)
}

func (d *onDatabase) Replay(ctx context.Context, f renders.LetterFilter) ([]renders.Replayed, error) {
	return renders.Replay(ctx, d.db, f)
}

func (d *onDatabase) Discard(ctx context.Context, f renders.LetterFilter) ([]uuid.UUID, error) {
	return renders.Discard(ctx, d.db, f)
}

func (d *onDatabase) OpenPreflight(ctx context.Context, s renders.Submission) (uuid.UUID, error) {
	asked, err := preflight.Of(s)
	if err != nil {
		return uuid.Nil, err
	}
	id := uuid.New()
	return id, preflight.Open(ctx, d.db, id, asked)
}

func (d *onDatabase) Preflight(ctx context.Context, id uuid.UUID) (*preflight.Preflight, error) {
	return preflight.Get(ctx, d.db, id)
}

func (d *onDatabase) CancelPreflight(ctx context.Context, id uuid.UUID) error {
	_, err := preflight.Cancel(ctx, d.db, id)
	return err
}

func (d *onDatabase) Sheet(ctx context.Context, p *preflight.Preflight, path string) error {
	return drawSheet(ctx, d.settings, p, path)
}

func (d *onDatabase) CreateToken(ctx context.Context, r tokens.Request) (tokens.Token, string, error) {
	return tokens.Create(ctx, d.db, r)
}

func (d *onDatabase) Tokens(ctx context.Context, limit int) ([]tokens.Token, error) {
	return tokens.List(ctx, d.db, nil, limit)
}

func (d *onDatabase) RevokeToken(ctx context.Context, id uuid.UUID) (bool, error) {
	return tokens.Revoke(ctx, d.db, id)
}

func (d *onDatabase) CreateEndpoint(ctx context.Context, n webhooks.NewEndpoint) (webhooks.Endpoint, webhooks.Secret, error) {
	keeper, err := webhooks.NewKeeper(d.settings["WEBHOOK_KEY"])
	if err != nil {
		return webhooks.Endpoint{}, nil, fmt.Errorf("WEBHOOK_KEY: %w", err)
	}
	return webhooks.Create(ctx, d.db, keeper, uuid.New(), n)
}

func (d *onDatabase) Endpoints(ctx context.Context) ([]webhooks.Endpoint, error) {
	return webhooks.Endpoints(ctx, d.db, nil, 1000)
}

func (d *onDatabase) DeleteEndpoint(ctx context.Context, id uuid.UUID) error {
	err := webhooks.Delete(ctx, d.db, id)
	if errors.Is(err, webhooks.ErrNotFound) {
		return nil
	}
	return err
}
