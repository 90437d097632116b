package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/pictures"
	"github.com/loom-lite/loom-lite/services/console/preflight"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// preflights registers what can be done with preflights, and the pictures of scenes that are being
// recorded.
func (a *API) preflights() {
	tags := []string{"preflights"}
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "create-preflight", Method: http.MethodPost, Path: "/v1/preflight", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Open each page of a campaign once",
		Description: "Has recorders open the pages of a campaign that is there, or of one that is sent along, before anything is rendered. " +
			"Location is where what they find can be read. It is deleted after about a day.",
		Errors: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge},
	}, a.createPreflight)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-preflight", Method: http.MethodGet, Path: "/v1/preflight/{id}", Tags: tags, Summary: "Get what was found of pages",
		Description: "What each page is, why, what to do about it, and a picture by a signed URL.", Errors: []int{http.StatusNotFound},
	}, a.getPreflight)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-preflight-sheet", Method: http.MethodGet, Path: "/v1/preflight/{id}/sheet", Tags: tags, Summary: "Get the contact sheet",
		Description: "One JPEG with the picture of each page, its number, its class and its host.", Errors: []int{http.StatusNotFound},
		Responses: pictureResponse("The contact sheet."),
	}, a.getSheet)
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "cancel-preflight", Method: http.MethodPost, Path: "/v1/preflight/{id}/cancel", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Open no more pages", Errors: []int{http.StatusNotFound},
	}, a.cancelPreflight)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-scene-picture", Method: http.MethodGet, Path: "/v1/renders/{id}/scenes/{scene}/picture", Tags: []string{"renders"},
		Summary: "Get the last picture of a scene that is being recorded",
		Description: "A small JPEG, about a second old while the scene changes. Recorders send none unless somebody asks, so the first answer may " +
			"take two seconds. Ask again for as long as it is looked at. There is none of a scene that is not being recorded.",
		Errors: []int{http.StatusNotFound}, Responses: pictureResponse("The picture."),
	}, a.getScenePicture)
}

func pictureResponse(description string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: description, Content: map[string]*huma.MediaType{
		"image/jpeg": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}}
}

type createPreflightInput struct {
	Body struct {
		Campaign   Inline     `json:"campaign,omitempty" required:"false"`
		CampaignID *uuid.UUID `json:"campaign_id,omitempty" required:"false" doc:"A campaign that is there."`
	}
}

type acceptedPreflight struct {
	Location string `header:"Location" doc:"Where what is found can be read."`
	Body     struct {
		ID     uuid.UUID `json:"id"`
		Status string    `json:"status" example:"running"`
	}
}

func (a *API) createPreflight(ctx context.Context, in *createPreflightInput) (*acceptedPreflight, error) {
	b := in.Body
	if (b.Campaign == nil) == (b.CampaignID == nil) {
		return nil, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "Send either campaign or campaign_id.")
	}
	id := newID(ctx, "preflight")
	var err error
	if b.CampaignID != nil {
		err = preflight.OpenCampaign(ctx, a.cfg.DB, id, *b.CampaignID)
	} else {
		asked, problem := a.asked(ctx, b.Campaign)
		if problem != nil {
			return nil, problem
		}
		err = preflight.Open(ctx, a.cfg.DB, id, asked)
	}
	if errors.Is(err, preflight.ErrEmpty) {
		return nil, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "The campaign has no scenes.")
	}
	if errors.Is(err, preflight.ErrBusy) {
		return nil, NewProblem(http.StatusTooManyRequests, CodeTooMany, "Too many pages are waiting. Try again when some are done.").
			with("Retry-After", "10")
	}
	if err != nil {
		return nil, err
	}
	out := &acceptedPreflight{Location: a.at("/v1/preflight/" + id.String())}
	out.Body.ID, out.Body.Status = id, "running"
	return out, nil
}

// asked returns the pages of a campaign that was sent along.
func (a *API) asked(ctx context.Context, text Inline) (preflight.Asked, error) {
	s, err := submission(ctx, text, nil, "campaign")
	if err != nil {
		return preflight.Asked{}, err
	}
	asked, err := preflight.Of(s)
	var invalid *plan.Invalid
	if errors.As(err, &invalid) {
		return asked, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "%s", invalid.Message)
	}
	return asked, err
}

type preflightInput struct {
	ID uuid.UUID `path:"id" doc:"The preflight's id."`
}

type preflightOutput struct{ Body *preflight.Preflight }

func (a *API) getPreflight(ctx context.Context, in *preflightInput) (*preflightOutput, error) {
	p, err := a.found(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	for i, page := range p.Pages {
		if page.PictureKey == "" {
			continue
		}
		signed, err := a.cfg.Store.Sign(ctx, a.cfg.Buckets.Work, page.PictureKey, signedFor)
		if err != nil {
			return nil, err
		}
		p.Pages[i].PictureURL = &signed
	}
	return &preflightOutput{p}, nil
}

// found returns a preflight that the principal may see.
func (a *API) found(ctx context.Context, id uuid.UUID) (*preflight.Preflight, error) {
	p, err := preflight.Get(ctx, a.cfg.DB, id)
	if who, _ := access.From(ctx); err == nil && !p.Of(who.User) {
		err = preflight.ErrNotFound
	}
	if errors.Is(err, preflight.ErrNotFound) {
		return nil, NewProblem(http.StatusNotFound, CodeNotFound, "There is no such preflight, or it is older than a day.")
	}
	return p, err
}

type pictureOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *API) getSheet(ctx context.Context, in *preflightInput) (*pictureOutput, error) {
	p, err := a.found(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	// A sheet takes some memory: one is drawn at a time.
	select {
	case a.drawing <- struct{}{}:
		defer func() { <-a.drawing }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	list, err := preflight.Pictures(ctx, a.cfg.Objects, a.cfg.Buckets.Work, p.Pages)
	if err != nil {
		return nil, err
	}
	sheet, err := preflight.Sheet(p, list)
	if err != nil {
		return nil, err
	}
	return &pictureOutput{"image/jpeg", sheet}, nil
}

func (a *API) cancelPreflight(ctx context.Context, in *preflightInput) (*struct{}, error) {
	if _, err := a.found(ctx, in.ID); err != nil {
		return nil, err
	}
	_, err := preflight.Cancel(ctx, a.cfg.DB, in.ID)
	return nil, err
}

type scenePictureInput struct {
	ID    uuid.UUID `path:"id" doc:"The render's id."`
	Scene int       `path:"scene" minimum:"1" maximum:"1000" doc:"The scene's number, from 1."`
}

func (a *API) getScenePicture(ctx context.Context, in *scenePictureInput) (*pictureOutput, error) {
	p, err := a.cfg.Pictures.OfScene(ctx, in.ID, in.Scene)
	switch {
	case errors.Is(err, pictures.ErrNone):
		return nil, NewProblem(http.StatusNotFound, CodeNotFound, "There is no picture of this scene now.")
	case errors.Is(err, renders.ErrNotFound):
		return nil, NewProblem(http.StatusNotFound, CodeNotFound, "There is no such render, or no such scene in it.")
	case err != nil:
		return nil, err
	}
	return &pictureOutput{"image/jpeg", p.JPEG}, nil
}
