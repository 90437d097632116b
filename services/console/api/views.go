package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/views"
)

// savedViews registers the views of the list of renders that the principal has saved.
func (a *API) savedViews() {
	tags := []string{"saved-views"}
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "list-saved-views", Method: http.MethodGet, Path: "/v1/saved-views", Tags: tags, Summary: "List one's own saved views, by name",
	}, a.listViews)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "save-view", Method: http.MethodPost, Path: "/v1/saved-views", Tags: tags, Summary: "Save a view",
		Description: "A name and a filter of the list of renders. One's own view of that name is replaced.", Errors: []int{http.StatusConflict},
	}, a.saveView)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "delete-saved-view", Method: http.MethodDelete, Path: "/v1/saved-views/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Delete one of one's own views", Errors: []int{http.StatusNotFound},
	}, a.deleteView)
}

func (a *API) listViews(ctx context.Context, _ *struct{}) (*List[views.SavedView], error) {
	list, err := views.List(ctx, a.cfg.DB)
	if err != nil {
		return nil, err
	}
	return listOf(list, ""), nil
}

type viewInput struct {
	Body struct {
		Name   string            `json:"name" minLength:"1" maxLength:"100" pattern:"\\S"`
		Filter renders.Selection `json:"filter"`
	}
}

type viewOutput struct{ Body views.SavedView }

func (a *API) saveView(ctx context.Context, in *viewInput) (*viewOutput, error) {
	v, err := views.Save(ctx, a.cfg.DB, strings.TrimSpace(in.Body.Name), in.Body.Filter)
	if errors.Is(err, views.ErrTooMany) {
		return nil, NewProblem(http.StatusConflict, CodeConflict, "%s.", sentence(views.ErrTooMany))
	}
	if err != nil {
		return nil, err
	}
	return &viewOutput{v}, nil
}

func (a *API) deleteView(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" doc:"The view's id."`
}) (*struct{}, error) {
	err := views.Delete(ctx, a.cfg.DB, in.ID)
	if errors.Is(err, views.ErrNotFound) {
		return nil, NewProblem(http.StatusNotFound, CodeNotFound, "There is no such view.")
	}
	return nil, err
}
