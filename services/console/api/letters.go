package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// letters registers what can be done with dead letters.
func (a *API) letters() {
	tags := []string{"dead letters"}
	read, write := Need{Scope: access.Read, Installation: true}, Need{Scope: access.Write, Installation: true}
	Handle(a, read, huma.Operation{
		OperationID: "list-dead-letters", Method: http.MethodGet, Path: "/v1/dead-letters", Tags: tags, Summary: "List dead letters, the newest first",
		Errors: []int{http.StatusBadRequest},
	}, a.listLetters)
	Handle(a, read, huma.Operation{
		OperationID: "get-dead-letter", Method: http.MethodGet, Path: "/v1/dead-letters/{id}", Tags: tags, Summary: "Get all that is known of a dead letter",
		Errors: []int{http.StatusNotFound},
	}, a.getLetter)
	Handle(a, write, huma.Operation{
		OperationID: "replay-dead-letters", Method: http.MethodPost, Path: "/v1/dead-letters/replay", Tags: tags, Summary: "Have the renders of dead letters made again",
		Description: "Queues a new job for the render of each letter that is open and meant. What is finished is not done again. " +
			"Messages that could not be read are left out.",
	}, a.replayLetters)
	Handle(a, write, huma.Operation{
		OperationID: "discard-dead-letters", Method: http.MethodPost, Path: "/v1/dead-letters/discard", Tags: tags, Summary: "Put dead letters away",
		Description: "Their renders stay failed.",
	}, a.discardLetters)
}

type listLettersInput struct {
	Page

	Kind    string    `query:"kind" maxLength:"40" doc:"Tasks of this kind, such as record."`
	Code    string    `query:"error_code" maxLength:"100"`
	Render  string    `query:"render_id" format:"uuid"`
	Host    string    `query:"host" maxLength:"255" doc:"Scenes whose page is on this host."`
	User    string    `query:"user_id" format:"uuid" doc:"Those of this user's campaigns."`
	From    time.Time `query:"died_from" doc:"Failed then or later."`
	Before  time.Time `query:"died_before" doc:"Failed before then."`
	Settled bool      `query:"settled" doc:"Also those that were replayed or discarded."`
}

func (a *API) listLetters(ctx context.Context, in *listLettersInput) (*List[renders.Letter], error) {
	f := renders.LetterFilter{Kind: in.Kind, Code: in.Code, Host: in.Host, User: in.User, Since: in.From, Before: in.Before, Settled: in.Settled}
	f.Render, _ = uuid.Parse(in.Render)
	list, next, err := renders.LetterPage(ctx, a.cfg.DB, f, renders.Cursor(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(list, next), nil
}

type letterInput struct {
	ID uuid.UUID `path:"id" doc:"The dead letter's id."`
}

type letterOutput struct{ Body renders.LetterInFull }

func (a *API) getLetter(ctx context.Context, in *letterInput) (*letterOutput, error) {
	l, err := renders.InFull(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	return &letterOutput{l}, nil
}

// lettersInput says which open letters are meant: ids, or a filter, or all of them by a word.
type lettersInput struct {
	Body struct {
		IDs    []uuid.UUID `json:"ids,omitempty" required:"false" maxItems:"500" doc:"These. Other fields are left out then."`
		Kind   string      `json:"kind,omitempty" required:"false" maxLength:"40"`
		Code   string      `json:"error_code,omitempty" required:"false" maxLength:"100"`
		Render *uuid.UUID  `json:"render_id,omitempty" required:"false"`
		Host   string      `json:"host,omitempty" required:"false" maxLength:"255"`
		User   *uuid.UUID  `json:"user_id,omitempty" required:"false"`
		From   time.Time   `json:"died_from,omitzero" required:"false"`
		Before time.Time   `json:"died_before,omitzero" required:"false"`
		All    bool        `json:"all,omitempty" required:"false" doc:"All that are open. Other fields are left out then."`
	}
}

func (in *lettersInput) filter() (f renders.LetterFilter, err error) {
	b := in.Body
	f = renders.LetterFilter{IDs: b.IDs, Kind: b.Kind, Code: b.Code, Host: b.Host, Since: b.From, Before: b.Before}
	if b.Render != nil {
		f.Render = *b.Render
	}
	if b.User != nil {
		f.User = b.User.String()
	}
	filtered := f.Kind != "" || f.Code != "" || f.Host != "" || f.User != "" || f.Render != uuid.Nil || !f.Since.IsZero() || !f.Before.IsZero()
	switch {
	case len(b.IDs) > 0 && (filtered || b.All), filtered && b.All:
		return f, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "Send ids, or a filter, or all.")
	case len(b.IDs) == 0 && !filtered && !b.All:
		return f, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, `An empty filter means nothing here. Send ids, or a filter, or "all": true.`)
	}
	return f, nil
}

type replayedLetters struct {
	Body struct {
		Items []renders.Replayed `json:"items" nullable:"false"`
	}
}

func (a *API) replayLetters(ctx context.Context, in *lettersInput) (*replayedLetters, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	list, err := renders.Replay(ctx, a.cfg.DB, f)
	if err != nil {
		return nil, err
	}
	out := &replayedLetters{}
	out.Body.Items = append([]renders.Replayed{}, list...)
	return out, nil
}

type discardedLetters struct {
	Body struct {
		IDs []uuid.UUID `json:"ids" nullable:"false"`
	}
}

func (a *API) discardLetters(ctx context.Context, in *lettersInput) (*discardedLetters, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	list, err := renders.Discard(ctx, a.cfg.DB, f)
	if err != nil {
		return nil, err
	}
	out := &discardedLetters{}
	out.Body.IDs = append([]uuid.UUID{}, list...)
	return out, nil
}
