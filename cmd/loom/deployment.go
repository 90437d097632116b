package main

import (
	"context"

	"github.com/google/uuid"

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

// deployment is an installation as commands work with it. There are two ways to reach one: its
// database (onDatabase), and its API (remote.Deployment). Both return the same values, and the
// errors of the packages that these are of.
type deployment interface {
	// Where says which installation it is.
	Where() string
	Close()

	renderer
	manager
	buryer
	preflighter
	secretary
}

// renderer has renders made, and shows them.
type renderer interface {
	// Submit queues a render of a campaign, and returns its id.
	Submit(ctx context.Context, s renders.Submission) (uuid.UUID, error)
	// Find returns the id that a text is the start of.
	Find(ctx context.Context, prefix string) (uuid.UUID, error)
	Report(ctx context.Context, id uuid.UUID) (renders.Report, error)
	// Forecast returns when a render will end that has not.
	Forecast(ctx context.Context, id uuid.UUID) (forecast.Forecast, error)
	List(ctx context.Context, limit int) ([]renders.Render, error)
	Cancel(ctx context.Context, id uuid.UUID) (cancelled bool, status string, err error)
	Retry(ctx context.Context, id uuid.UUID) (job *uuid.UUID, status string, err error)
	Receipt(ctx context.Context, id uuid.UUID) (receipts.Receipt, error)
	// Fetch writes a finished render's files to the paths.
	Fetch(ctx context.Context, r renders.Report, to renders.Files) error
	// FetchBundle writes the failure bundle of an attempt to the path. It is the one that
	// renders.Bundle chooses.
	FetchBundle(ctx context.Context, render uuid.UUID, attempt renders.Attempt, path string) error
}

// manager does what is about many renders, or about the whole installation.
type manager interface {
	Count(ctx context.Context, r bulk.Request) (bulk.Counts, error)
	// Begin makes an action. It is worked on until stop is called, here or in a console.
	Begin(ctx context.Context, r bulk.Request) (made bulk.Action, stop func(), err error)
	Action(ctx context.Context, id uuid.UUID) (bulk.Action, error)
	Snapshot(ctx context.Context) (snapshot.Snapshot, error)
	Pause(ctx context.Context, kinds []msg.Kind) (changed []msg.Kind, err error)
	Resume(ctx context.Context, kinds []msg.Kind) (changed []msg.Kind, err error)
	// Trouble returns what is paused, and the jobs that are set aside.
	Trouble(ctx context.Context) ([]renders.Paused, []renders.Aside, error)
}

// buryer looks after dead letters.
type buryer interface {
	FindLetter(ctx context.Context, part string) (uuid.UUID, error)
	Letters(ctx context.Context, f renders.LetterFilter, limit int) ([]renders.Letter, error)
	Letter(ctx context.Context, id uuid.UUID) (renders.LetterInFull, error)
	// Replay and Discard settle those that f means; a filter without anything means all.
	Replay(ctx context.Context, f renders.LetterFilter) ([]renders.Replayed, error)
	Discard(ctx context.Context, f renders.LetterFilter) ([]uuid.UUID, error)
}

// preflighter has pages opened before they are rendered.
type preflighter interface {
	OpenPreflight(ctx context.Context, s renders.Submission) (uuid.UUID, error)
	Preflight(ctx context.Context, id uuid.UUID) (*preflight.Preflight, error)
	CancelPreflight(ctx context.Context, id uuid.UUID) error
	// Sheet writes the contact sheet to the path.
	Sheet(ctx context.Context, p *preflight.Preflight, path string) error
}

// secretary makes what has a secret: tokens, and endpoints of webhooks.
type secretary interface {
	CreateToken(ctx context.Context, r tokens.Request) (t tokens.Token, secret string, err error)
	Tokens(ctx context.Context, limit int) ([]tokens.Token, error)
	RevokeToken(ctx context.Context, id uuid.UUID) (revoked bool, err error)
	CreateEndpoint(ctx context.Context, n webhooks.NewEndpoint) (webhooks.Endpoint, webhooks.Secret, error)
	Endpoints(ctx context.Context) ([]webhooks.Endpoint, error)
	DeleteEndpoint(ctx context.Context, id uuid.UUID) error
}

// deployment opens the installation that a command works with.
func (a *app) deployment(ctx context.Context, d dataFlag) (deployment, error) {
	if api, err := a.overAPI(); api != nil || err != nil {
		return api, err
	}
	settings, err := a.settings(d)
	if err != nil {
		return nil, err
	}
	return a.onDatabase(ctx, d, settings, "loom")
}
