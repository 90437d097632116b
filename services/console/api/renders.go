package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/variables"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/campaign"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// renders registers what can be done with renders.
func (a *API) renders() {
	tags := []string{"renders"}
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "create-render", Method: http.MethodPost, Path: "/v1/renders", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Render a campaign",
		Description: "Queues a render of a campaign that is there, or of one that is sent along. Location is where it can be watched. " +
			"A header traceparent (W3C Trace Context) is passed on to tasks, logs and webhooks.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge},
	}, a.createRender)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "list-renders", Method: http.MethodGet, Path: "/v1/renders", Tags: tags, Summary: "List renders, the newest first",
		Errors: []int{http.StatusBadRequest},
	}, a.listRenders)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-render", Method: http.MethodGet, Path: "/v1/renders/{id}", Tags: tags, Summary: "Get a render", Errors: []int{http.StatusNotFound},
	}, a.getRender)
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "cancel-render", Method: http.MethodPost, Path: "/v1/renders/{id}/cancel", Tags: tags, Summary: "Cancel a render",
		Description: "Ends a render that has not ended, with its jobs. Its workers stop within seconds. One that has ended stays as it is.",
		Errors:      []int{http.StatusNotFound},
	}, a.cancelRender)
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "retry-render", Method: http.MethodPost, Path: "/v1/renders/{id}/retry", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary:     "Render again what failed",
		Description: "Queues a new job for a render that has failed or was cancelled. What had been made is used again.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, a.retryRender)
	Handle(a, Need{Scope: access.Write, Installation: true}, huma.Operation{
		OperationID: "set-render-priority", Method: http.MethodPut, Path: "/v1/renders/{id}/priority", Tags: tags, Summary: "Set a render's priority",
		Description: "A job of a higher priority is started first, and so are the tasks of a render in progress.",
		Errors:      []int{http.StatusNotFound},
	}, a.setPriority)
}

// Inline is a campaign as a campaign file has it. It is checked by the campaign file's schema.
type Inline json.RawMessage

// UnmarshalJSON keeps the text.
func (i *Inline) UnmarshalJSON(data []byte) error {
	*i = slices.Clone(data)
	return nil
}

// MarshalJSON returns the text.
func (i Inline) MarshalJSON() ([]byte, error) { return json.RawMessage(i).MarshalJSON() }

// Schema refers to the campaign's schema for readers of the document. The library does not see the
// reference, which is no field of its own: package campaign says what is wrong, in its words.
func (Inline) Schema(huma.Registry) *huma.Schema { return elsewhere(campaign.SentCampaign) }

// Changed is a campaign that replaces another. Its scenes may have ids.
type Changed struct{ Inline }

// Schema is as that of Inline.
func (Changed) Schema(huma.Registry) *huma.Schema { return elsewhere(campaign.ChangedCampaign) }

// elsewhere refers to a schema that campaignSchemas puts into the document.
func elsewhere(name string) *huma.Schema {
	return &huma.Schema{Extensions: map[string]any{"$ref": "#/components/schemas/" + name}}
}

// campaignSchemas puts the schemas of campaigns into the document.
func (a *API) campaignSchemas() {
	schemas, err := campaign.SentSchemas()
	if err != nil {
		panic(err) // as the library does of types that it cannot describe: the schemas are part of the program
	}
	for name, schema := range schemas {
		a.Document().Components.Schemas.Map()[name] = &huma.Schema{Extensions: schema}
	}
}

type createRenderInput struct {
	Body struct {
		Campaign   Inline     `json:"campaign,omitempty" required:"false"`
		CampaignID *uuid.UUID `json:"campaign_id,omitempty" required:"false" doc:"A campaign that is there."`
		UserID     *uuid.UUID `json:"user_id,omitempty" required:"false" doc:"Whose campaign it is, for one that is sent along. A token of one user makes its user's."`
		Variables  Values     `json:"variables,omitempty" required:"false"`
	}
}

// Values are those of a render for its campaign's variables, a JSON object. Package variables says
// what is wrong with them.
type Values json.RawMessage

// UnmarshalJSON keeps the text.
func (v *Values) UnmarshalJSON(data []byte) error {
	*v = slices.Clone(data)
	return nil
}

// Schema is what ParseValues of package variables takes.
func (Values) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "Values for the variables that the campaign declares, by their names: texts or numbers.",
		Extensions: map[string]any{
			"type": "object", "additionalProperties": true,
			"examples": []any{map[string]any{"first_name": "Ada"}},
		},
	}
}

type acceptedRender struct {
	Location string `header:"Location" doc:"Where the render is."`
	Body     struct {
		ID     uuid.UUID `json:"id"`
		Status string    `json:"status" example:"queued"`
	}
}

func (a *API) createRender(ctx context.Context, in *createRenderInput) (*acceptedRender, error) {
	b := in.Body
	id := newID(ctx, "render")
	var err error
	switch {
	case (b.Campaign == nil) == (b.CampaignID == nil):
		return nil, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "Send either campaign or campaign_id.")
	case b.CampaignID != nil && b.UserID != nil:
		return nil, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "user_id is for a campaign that is sent along.")
	case b.CampaignID != nil:
		_, err = renders.SubmitCampaign(ctx, a.cfg.DB, id, *b.CampaignID, json.RawMessage(b.Variables))
	default:
		var s renders.Submission
		if s, err = submission(ctx, b.Campaign, b.UserID, "campaign"); err != nil {
			return nil, err
		}
		if s.Values = json.RawMessage(b.Variables); s.Values != nil || s.Variables != nil {
			if invalid := s.Check(); invalid != nil {
				return nil, unfit(invalid, b.Campaign)
			}
		}
		_, err = renders.SubmitAs(ctx, a.cfg.DB, id, s)
	}
	if invalid := new(plan.Invalid); errors.As(err, &invalid) {
		return nil, unfit(invalid, nil)
	}
	if err != nil {
		return nil, err
	}
	return a.accepted(ctx, id)
}

// unfit is the problem of values that a campaign, which may be sent along, does not take.
func unfit(invalid *plan.Invalid, sent Inline) *Problem {
	p := NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "The campaign cannot be rendered with these variables.")
	for _, one := range campaign.Written(sent, invalid.Problems) {
		at := one.Location
		if len(at) == 0 || at[0] != variables.Name {
			at = slices.Concat([]string{"campaign"}, at)
		}
		p.Errors = append(p.Errors, Fault{Pointer: pointer(at), Detail: one.Text})
	}
	return p
}

// accepted is the answer about a render that was queued.
func (a *API) accepted(ctx context.Context, id uuid.UUID) (*acceptedRender, error) {
	r, err := renders.Get(ctx, a.cfg.DB, id)
	if err != nil {
		return nil, err
	}
	out := &acceptedRender{Location: a.at("/v1/renders/" + id.String())}
	out.Body.ID, out.Body.Status = id, r.Status
	return out, nil
}

// submission reads a campaign that was sent in the body below at.
func submission(ctx context.Context, text Inline, user *uuid.UUID, at ...string) (renders.Submission, error) {
	c, err := campaign.Parse(text)
	if err != nil {
		if p := unreadable(err, at...); p != nil {
			return renders.Submission{}, p
		}
		return renders.Submission{}, err
	}
	s, err := renders.NewSubmission(c, "")
	if err != nil {
		return s, err
	}
	s.User, err = owner(ctx, user)
	return s, err
}

// owner returns whose campaign it is that the principal makes for user.
func owner(ctx context.Context, user *uuid.UUID) (*uuid.UUID, error) {
	p, _ := access.From(ctx)
	if p.User == nil {
		return user, nil
	}
	if user != nil && *user != *p.User {
		return nil, NewProblem(http.StatusForbidden, CodeOneUser, "The token is for the campaigns of another user.")
	}
	return p.User, nil
}

// Page is what a list takes.
type Page struct {
	Limit  int    `query:"limit" default:"20" minimum:"1" maximum:"100" doc:"The most that a page has."`
	Cursor string `query:"cursor" maxLength:"500" doc:"next_cursor of the page before. Empty: the first page."`
}

// List is what a list answers.
type List[T any] struct {
	Body struct {
		Items []T `json:"items" nullable:"false"`
		// NextCursor is null on the last page.
		NextCursor *string `json:"next_cursor" doc:"The cursor of the next page; null on the last one."`
	}
}

// listOf returns a page.
func listOf[T any](items []T, next renders.Cursor) *List[T] {
	out := &List[T]{}
	out.Body.Items = append([]T{}, items...)
	if next != "" {
		text := string(next)
		out.Body.NextCursor = &text
	}
	return out
}

// RenderFilter is a renders.Filter as a query has it.
type RenderFilter struct {
	Status   []string  `query:"status" enum:"queued,recording,normalizing,concatenating,overlaying,uploading,done,failed,cancelled" doc:"One of these, divided by commas."`
	Stage    string    `query:"stage" enum:"record,transcode,upload" doc:"Renders that are in this stage, or have failed in it."`
	Code     []string  `query:"error_code" maxItems:"50" doc:"One of these error codes, divided by commas."`
	Campaign string    `query:"campaign_id" format:"uuid"`
	User     string    `query:"user_id" format:"uuid" doc:"The campaign's user."`
	Batch    string    `query:"batch_id" format:"uuid" doc:"Renders of this batch's rows."`
	Text     string    `query:"q" maxLength:"200" doc:"Part of the campaign's name or of the error's message, or the start of the render's id."`
	From     time.Time `query:"created_from" doc:"Created then or later."`
	Before   time.Time `query:"created_before" doc:"Created before then."`
}

// Filter returns the filter that was asked for.
func (f RenderFilter) Filter() renders.Filter {
	filter := renders.Filter{Statuses: f.Status, Stage: f.Stage, Codes: f.Code, Text: strings.TrimSpace(f.Text), From: f.From, Before: f.Before}
	filter.Campaign, _ = uuid.Parse(f.Campaign)
	filter.User, _ = uuid.Parse(f.User)
	filter.Batch, _ = uuid.Parse(f.Batch)
	return filter
}

type listRendersInput struct {
	Page
	RenderFilter
}

func (a *API) listRenders(ctx context.Context, in *listRendersInput) (*List[Render], error) {
	list, next, err := renders.List(ctx, a.cfg.DB, in.Filter(), renders.Cursor(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	forecast, err := a.forecast(ctx, list...)
	if err != nil {
		return nil, err
	}
	return listOf(forecast, next), nil
}

type renderInput struct {
	ID uuid.UUID `path:"id" doc:"The render's id."`
}

type renderOutput struct{ Body Render }

func (a *API) getRender(ctx context.Context, in *renderInput) (*renderOutput, error) {
	r, err := renders.Get(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := a.forecast(ctx, r)
	if err != nil {
		return nil, err
	}
	return &renderOutput{list[0]}, nil
}

type cancelledRender struct {
	Body struct {
		ID        uuid.UUID `json:"id"`
		Cancelled bool      `json:"cancelled" doc:"Whether this request has ended it: false for one that had ended."`
		Status    string    `json:"status" doc:"The one that it has now." example:"cancelled"`
	}
}

func (a *API) cancelRender(ctx context.Context, in *renderInput) (*cancelledRender, error) {
	cancelled, status, err := renders.Cancel(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	out := &cancelledRender{}
	out.Body.ID, out.Body.Cancelled, out.Body.Status = in.ID, cancelled, status
	return out, nil
}

type retriedRender struct {
	Location string `header:"Location" doc:"Where the render is."`
	Body     struct {
		ID     uuid.UUID `json:"id"`
		Job    uuid.UUID `json:"job_id" doc:"The new job's id."`
		Status string    `json:"status" doc:"The one that the render had. It changes when the job is started." example:"failed"`
	}
}

func (a *API) retryRender(ctx context.Context, in *renderInput) (*retriedRender, error) {
	job, status, err := renders.Retry(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	if job == nil {
		if status == renders.Done {
			return nil, NewProblem(http.StatusConflict, CodeConflict, "The render is done: there is nothing to retry.")
		}
		return nil, NewProblem(http.StatusConflict, CodeConflict, "The render is %s, and has a job already.", status)
	}
	out := &retriedRender{Location: a.at("/v1/renders/" + in.ID.String())}
	out.Body.ID, out.Body.Job, out.Body.Status = in.ID, *job, status
	return out, nil
}

type priorityInput struct {
	ID   uuid.UUID `path:"id" doc:"The render's id."`
	Body struct {
		Priority int `json:"priority" minimum:"-1000" maximum:"1000" doc:"0 is what every job has at first."`
	}
}

type priorityOutput struct {
	Body struct {
		ID       uuid.UUID `json:"id"`
		Priority int       `json:"priority"`
	}
}

func (a *API) setPriority(ctx context.Context, in *priorityInput) (*priorityOutput, error) {
	if err := renders.SetPriority(ctx, a.cfg.DB, in.ID, in.Body.Priority); err != nil {
		return nil, err
	}
	out := &priorityOutput{}
	out.Body.ID, out.Body.Priority = in.ID, in.Body.Priority
	return out, nil
}
