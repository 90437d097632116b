package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/bulk"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// bulkActions registers what can be done to all renders that a filter means.
func (a *API) bulkActions() {
	tags := []string{"bulk-actions"}
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "create-bulk-action", Method: http.MethodPost, Path: "/v1/bulk-actions", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Retry, cancel or prioritize all renders that a filter means",
		Description: "The console does it to those that match now. Location is where it can be watched. " +
			"With dry_run it answers 200 and how many there are, and changes nothing. An empty filter is refused.",
	}, a.createBulkAction)
	post := a.Document().Paths["/v1/bulk-actions"].Post
	counted := *post.Responses["202"]
	counted.Description, counted.Headers = "How many it would be, for a dry run.", nil
	post.Responses["200"] = &counted
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "list-bulk-actions", Method: http.MethodGet, Path: "/v1/bulk-actions", Tags: tags, Summary: "List actions, the newest first",
		Errors: []int{http.StatusBadRequest},
	}, a.listBulkActions)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-bulk-action", Method: http.MethodGet, Path: "/v1/bulk-actions/{id}", Tags: tags, Summary: "Get an action and how far it is",
		Errors: []int{http.StatusNotFound},
	}, a.getBulkAction)
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "abort-bulk-action", Method: http.MethodPost, Path: "/v1/bulk-actions/{id}/abort", Tags: tags, Summary: "Abort an action",
		Description: "What it has not done yet stays undone. One that has ended stays as it is.",
		Errors:      []int{http.StatusNotFound},
	}, a.abortBulkAction)
}

type bulkInput struct {
	Body struct {
		Action   string            `json:"action" enum:"retry,cancel,priority"`
		Priority *int              `json:"priority,omitempty" required:"false" minimum:"-1000" maximum:"1000" doc:"The new one, for that action."`
		Filter   renders.Selection `json:"filter" doc:"All that is set must apply. Something must be."`
		DryRun   bool              `json:"dry_run,omitempty" required:"false" doc:"Count, and change nothing."`
	}
}

// bulkAnswer is a new action or, for a dry run, the counts alone.
type bulkAnswer struct {
	Status   int
	Location string `header:"Location" doc:"Where the action is."`
	Body     struct {
		DryRun bool `json:"dry_run"`
		bulk.Counts
		Action *bulk.Action `json:"bulk_action,omitempty" doc:"The action; left out of a dry run."`
	}
}

func (a *API) createBulkAction(ctx context.Context, in *bulkInput) (*bulkAnswer, error) {
	b := in.Body
	if (b.Action == bulk.Priority) != (b.Priority != nil) {
		p := NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "priority is for the action of that name, which needs it.")
		p.Errors = []Fault{{Pointer: "#/priority", Detail: "send it with that action, and with no other"}}
		return nil, p
	}
	request := bulk.Request{ID: newID(ctx, "bulk"), Action: b.Action, Filter: b.Filter.Filter()}
	if b.Priority != nil {
		request.Priority = *b.Priority
	}
	out := &bulkAnswer{Status: http.StatusOK}
	out.Body.DryRun = b.DryRun
	counts, err := bulk.Count(ctx, a.cfg.DB, request)
	if err != nil {
		return nil, bulkProblem(err)
	}
	out.Body.Counts = counts
	if b.DryRun {
		return out, nil
	}
	made, err := bulk.Create(ctx, a.cfg.DB, request)
	if err != nil {
		return nil, bulkProblem(err)
	}
	out.Status, out.Location, out.Body.Action, out.Body.Eligible = http.StatusAccepted, a.at("/v1/bulk-actions/"+made.ID.String()), &made, made.Total
	return out, nil
}

// bulkProblem returns the problem that an error of package bulk is; others as they are.
func bulkProblem(err error) error {
	switch {
	case errors.Is(err, bulk.ErrEmpty), errors.Is(err, bulk.ErrTooMany):
		p := NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "The filter does not say which renders are meant.")
		p.Errors = []Fault{{Pointer: "#/filter", Detail: bulkCause(err).Error()}}
		return p
	case errors.Is(err, bulk.ErrPriority):
		return NewProblem(http.StatusForbidden, CodeOneUser, "Priorities are the installation's, and the token is for the campaigns of one user.")
	case errors.Is(err, bulk.ErrNotFound):
		return NewProblem(http.StatusNotFound, CodeNotFound, "There is no such action.")
	}
	return err
}

func bulkCause(err error) error {
	if errors.Is(err, bulk.ErrEmpty) {
		return bulk.ErrEmpty
	}
	return bulk.ErrTooMany
}

type bulkActionInput struct {
	ID uuid.UUID `path:"id" doc:"The action's id."`
}

type bulkActionOutput struct{ Body bulk.Action }

func (a *API) listBulkActions(ctx context.Context, in *Page) (*List[bulk.Action], error) {
	list, next, err := bulk.List(ctx, a.cfg.DB, renders.Cursor(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(list, next), nil
}

func (a *API) getBulkAction(ctx context.Context, in *bulkActionInput) (*bulkActionOutput, error) {
	action, err := bulk.Get(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, bulkProblem(err)
	}
	return &bulkActionOutput{action}, nil
}

func (a *API) abortBulkAction(ctx context.Context, in *bulkActionInput) (*bulkActionOutput, error) {
	action, err := bulk.Abort(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, bulkProblem(err)
	}
	return &bulkActionOutput{action}, nil
}
