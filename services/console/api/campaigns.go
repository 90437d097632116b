package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/campaigns"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// campaigns registers what can be done with campaigns.
func (a *API) campaigns() {
	tags := []string{"campaigns"}
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "create-campaign", Method: http.MethodPost, Path: "/v1/campaigns", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Make a campaign", Errors: []int{http.StatusConflict, http.StatusRequestEntityTooLarge},
	}, a.createCampaign)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "list-campaigns", Method: http.MethodGet, Path: "/v1/campaigns", Tags: tags, Summary: "List campaigns by their names",
		Errors: []int{http.StatusBadRequest},
	}, a.listCampaigns)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-campaign", Method: http.MethodGet, Path: "/v1/campaigns/{id}", Tags: tags, Summary: "Get a campaign",
		Description: "The options of its scenes are left out. With If-None-Match it answers 304 if the campaign has not changed.",
		Errors:      []int{http.StatusNotFound},
		Responses:   map[string]*huma.Response{"304": {Description: "It is as If-None-Match says."}},
	}, a.getCampaign)
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "update-campaign", Method: http.MethodPut, Path: "/v1/campaigns/{id}", Tags: tags, Summary: "Change a campaign",
		Description: "Makes it what is sent. A scene with the id of one that is there keeps that one's options if it has none itself. " +
			"Renders that are in progress stay as they were planned. If-Match has the ETag that was got, or * to change whatever is there.",
		Errors: []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusRequestEntityTooLarge},
	}, a.updateCampaign)
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "delete-campaign", Method: http.MethodDelete, Path: "/v1/campaigns/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary:     "Delete a campaign and its renders",
		Description: "Refused while one of its renders has not ended. The videos stay where they are.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed},
	}, a.deleteCampaign)
}

type campaignOutput struct {
	ETag string `header:"ETag" doc:"The campaign's version."`
	Body campaigns.Campaign
}

func shown(c campaigns.Campaign) *campaignOutput {
	return &campaignOutput{ETag: quoted(c.Version), Body: c}
}

func quoted(version string) string { return `"` + version + `"` }

type createCampaignInput struct {
	Body struct {
		Campaign Inline     `json:"campaign"`
		UserID   *uuid.UUID `json:"user_id,omitempty" required:"false" doc:"Whose it is. A token of one user makes its user's."`
	}
}

type createdCampaign struct {
	Location string `header:"Location" doc:"Where the campaign is."`
	ETag     string `header:"ETag" doc:"The campaign's version."`
	Body     campaigns.Campaign
}

func (a *API) createCampaign(ctx context.Context, in *createCampaignInput) (*createdCampaign, error) {
	s, err := submission(ctx, in.Body.Campaign, in.Body.UserID, "campaign")
	if err != nil {
		return nil, err
	}
	id := newID(ctx, "campaign")
	if _, err := campaigns.Create(ctx, a.cfg.DB, id, s); err != nil {
		return nil, err
	}
	c, err := campaigns.Get(ctx, a.cfg.DB, id)
	if err != nil {
		return nil, err
	}
	return &createdCampaign{Location: a.at("/v1/campaigns/" + id.String()), ETag: quoted(c.Version), Body: c}, nil
}

type listCampaignsInput struct {
	Page

	User string `query:"user_id" format:"uuid" doc:"Whose they are."`
	Text string `query:"q" maxLength:"200" doc:"Part of the name."`
}

func (a *API) listCampaigns(ctx context.Context, in *listCampaignsInput) (*List[campaigns.Summary], error) {
	f := campaigns.Filter{Text: strings.TrimSpace(in.Text)}
	f.User, _ = uuid.Parse(in.User)
	list, next, err := campaigns.List(ctx, a.cfg.DB, f, renders.Cursor(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(list, next), nil
}

type getCampaignInput struct {
	ID          uuid.UUID `path:"id" doc:"The campaign's id."`
	IfNoneMatch string    `header:"If-None-Match" doc:"The ETag of what the caller has."`
}

func (a *API) getCampaign(ctx context.Context, in *getCampaignInput) (*campaignOutput, error) {
	c, err := campaigns.Get(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	if matches(in.IfNoneMatch, c.Version) {
		return nil, unchanged{http.Header{"Etag": {quoted(c.Version)}}}
	}
	return shown(c), nil
}

// unchanged answers 304.
type unchanged struct{ header http.Header }

func (unchanged) Error() string             { return "not modified" }
func (unchanged) GetStatus() int            { return http.StatusNotModified }
func (u unchanged) GetHeaders() http.Header { return u.header }

// matches reports whether a list of ETags, as If-None-Match and If-Match have it, names a version.
func matches(header, version string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/") // a proxy may have made it weak
		if tag == "*" || tag == quoted(version) {
			return true
		}
	}
	return false
}

type updateCampaignInput struct {
	ID      uuid.UUID `path:"id" doc:"The campaign's id."`
	IfMatch string    `header:"If-Match" doc:"The ETag that was got, or *."`
	Body    struct {
		Campaign Changed `json:"campaign"`
	}
}

func (a *API) updateCampaign(ctx context.Context, in *updateCampaignInput) (*campaignOutput, error) {
	if in.IfMatch == "" {
		p := NewProblem(http.StatusPreconditionRequired, CodeConditionMissing, "Send If-Match with the ETag that was got with the campaign.")
		p.Errors = []Fault{{Parameter: "If-Match", Detail: "it is missing"}}
		return nil, p
	}
	text, kept, err := withoutIDs(in.Body.Campaign.Inline)
	if err != nil {
		return nil, err
	}
	s, err := submission(ctx, text, nil, "campaign")
	if err != nil {
		return nil, err
	}
	before, err := campaigns.Get(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	if !matches(in.IfMatch, before.Version) {
		return nil, changed()
	}
	// What it is now is compared again, under a lock.
	version := before.Version
	if strings.TrimSpace(in.IfMatch) == campaigns.Any {
		version = campaigns.Any
	}
	if err := campaigns.Update(ctx, a.cfg.DB, in.ID, version, s, kept); err != nil {
		return nil, told(err)
	}
	c, err := campaigns.Get(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	return shown(c), nil
}

func changed() *Problem {
	return NewProblem(http.StatusPreconditionFailed, CodeChanged, "The campaign is not as If-Match says. Get it again, and make the change to that.")
}

// told returns the problem of an error of package campaigns.
func told(err error) error {
	switch {
	case errors.Is(err, campaigns.ErrChanged):
		return changed()
	case errors.Is(err, campaigns.ErrRendering):
		return NewProblem(http.StatusConflict, CodeConflict, "The campaign has renders that have not ended: cancel them, or wait.")
	case errors.Is(err, campaigns.ErrNoScene):
		return NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "%s. Leave the id out for a new one, and name each once.", sentence(err))
	}
	return err
}

// withoutIDs returns a campaign without the ids of its scenes, and those: uuid.Nil for a scene
// without one. What is wrong otherwise is found when it is read.
func withoutIDs(text Inline) (_ Inline, ids []uuid.UUID, err error) {
	var fields map[string]json.RawMessage
	var scenes []map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil || json.Unmarshal(fields["scenes"], &scenes) != nil {
		return text, nil, nil
	}
	p := NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "A scene's id is not valid.")
	for i, scene := range scenes {
		id := uuid.Nil
		if raw, given := scene["id"]; given && string(raw) != "null" {
			if json.Unmarshal(raw, &id) != nil || id == uuid.Nil {
				p.Errors = append(p.Errors, Fault{Pointer: pointer([]string{"campaign", "scenes", itoa(i), "id"}), Detail: "this is no UUID"})
			}
		}
		delete(scene, "id")
		ids = append(ids, id)
	}
	if p.Errors != nil {
		return nil, nil, p
	}
	if fields["scenes"], err = json.Marshal(scenes); err != nil {
		return nil, nil, err
	}
	whole, err := json.Marshal(fields)
	return whole, ids, err
}

type deleteCampaignInput struct {
	ID      uuid.UUID `path:"id" doc:"The campaign's id."`
	IfMatch string    `header:"If-Match" doc:"The ETag that was got. Empty: whatever is there."`
}

func (a *API) deleteCampaign(ctx context.Context, in *deleteCampaignInput) (*struct{}, error) {
	version := campaigns.Any
	if in.IfMatch != "" {
		before, err := campaigns.Get(ctx, a.cfg.DB, in.ID)
		if err != nil {
			return nil, err
		}
		if !matches(in.IfMatch, before.Version) {
			return nil, changed()
		}
		version = before.Version
	}
	return nil, told(campaigns.Delete(ctx, a.cfg.DB, in.ID, version))
}
