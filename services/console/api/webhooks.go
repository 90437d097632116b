package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

const (
	endpointsPath  = "/v1/webhook-endpoints"
	deliveriesPath = "/v1/webhook-deliveries"
)

// webhooks registers what can be done with endpoints of webhooks and their deliveries. A token of
// one user sees and makes endpoints that get events of this user's campaigns.
func (a *API) webhooks() {
	tags := []string{"webhooks"}
	read, write, secret := Need{Scope: access.Read}, Need{Scope: access.Write}, Need{Scope: access.Write, Secret: true}
	notFound := []int{http.StatusNotFound}
	Handle(a, secret, huma.Operation{
		OperationID: "create-webhook-endpoint", Method: http.MethodPost, Path: endpointsPath, Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Make an endpoint", Errors: []int{http.StatusBadRequest},
		Description: "Its secret is in this answer, and nowhere else. So an Idempotency-Key is refused: the answer is not kept.",
	}, a.createEndpoint)
	Handle(a, read, huma.Operation{
		OperationID: "list-webhook-endpoints", Method: http.MethodGet, Path: endpointsPath, Tags: tags, Summary: "List the endpoints, the newest first",
		Errors: []int{http.StatusBadRequest},
	}, a.listEndpoints)
	Handle(a, read, huma.Operation{
		OperationID: "get-webhook-endpoint", Method: http.MethodGet, Path: endpointsPath + "/{id}", Tags: tags, Summary: "Get an endpoint", Errors: notFound,
		Description: "A token that may only read sees no more of its URL than the host: the rest may give access.",
	}, a.getEndpoint)
	Handle(a, write, huma.Operation{
		OperationID: "update-webhook-endpoint", Method: http.MethodPatch, Path: endpointsPath + "/{id}", Tags: tags, Summary: "Change an endpoint",
		Description: "What is left out stays. One that is enabled again gets what happens from then on.",
		Errors:      []int{http.StatusNotFound, http.StatusPreconditionFailed},
	}, a.updateEndpoint)
	Handle(a, write, huma.Operation{
		OperationID: "delete-webhook-endpoint", Method: http.MethodDelete, Path: endpointsPath + "/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Delete an endpoint, with its deliveries", Errors: notFound,
	}, a.deleteEndpoint)
	Handle(a, secret, huma.Operation{
		OperationID: "rotate-webhook-secret", Method: http.MethodPost, Path: endpointsPath + "/{id}/rotate", Tags: tags, Summary: "Give an endpoint a new secret",
		Description: "Messages are signed with the last one too, for a day if nothing else is said. The new one is in this answer, and nowhere else.",
		Errors:      []int{http.StatusBadRequest, http.StatusNotFound},
	}, a.rotateSecret)
	Handle(a, write, huma.Operation{
		OperationID: "test-webhook-endpoint", Method: http.MethodPost, Path: endpointsPath + "/{id}/test", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Send a test event to an endpoint", Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, a.testEndpoint)
	Handle(a, read, huma.Operation{
		OperationID: "list-webhook-deliveries", Method: http.MethodGet, Path: deliveriesPath, Tags: tags, Summary: "List deliveries, the newest first",
		Errors: []int{http.StatusBadRequest},
	}, a.listDeliveries)
	Handle(a, read, huma.Operation{
		OperationID: "get-webhook-delivery", Method: http.MethodGet, Path: deliveriesPath + "/{id}", Tags: tags,
		Summary: "Get a delivery, with what is sent and what was answered", Errors: notFound,
	}, a.getDelivery)
	Handle(a, write, huma.Operation{
		OperationID: "resend-webhook-delivery", Method: http.MethodPost, Path: deliveriesPath + "/{id}/resend", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Send a delivery again", Description: "It keeps its webhook-id.", Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, a.resendDelivery)
	Handle(a, write, huma.Operation{
		OperationID: "resend-webhook-deliveries", Method: http.MethodPost, Path: deliveriesPath + "/resend", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Send deliveries again",
		Description: "All that the filter means, at most 10,000. An empty filter is refused. They keep their webhook-ids. What is under way is left, and " +
			"so is what is for an endpoint that is disabled.",
	}, a.resendDeliveries)
}

// webhookProblem returns the problem that an error of package webhooks is.
func webhookProblem(err error) error {
	var faults []Fault
	for _, one := range all(err) {
		if invalid := new(webhooks.InvalidError); errors.As(one, &invalid) {
			faults = append(faults, Fault{Pointer: pointer([]string{invalid.Field}), Detail: invalid.Text})
		}
	}
	switch {
	case errors.Is(err, webhooks.ErrSecret):
		faults = append(faults, Fault{Pointer: "#/secret", Detail: webhooks.ErrSecret.Error()})
	case errors.Is(err, webhooks.ErrNotFound):
		return NewProblem(http.StatusNotFound, CodeNotFound, "There is no endpoint or delivery with this id.")
	case errors.Is(err, webhooks.ErrVersion):
		return NewProblem(http.StatusPreconditionFailed, CodeChanged, "The endpoint is not as If-Match says. Get it again, and make the change to that.")
	case errors.Is(err, webhooks.ErrDisabled):
		return NewProblem(http.StatusConflict, CodeConflict, "The endpoint is disabled: enable it first.")
	case errors.Is(err, webhooks.ErrEmptyFilter), errors.Is(err, webhooks.ErrTooMany):
		return NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "%s.", sentence(err))
	}
	if faults == nil {
		return err
	}
	p := NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "The endpoint cannot be as it is asked for.")
	p.Errors = faults
	return p
}

// all returns the errors that err joins.
func all(err error) []error {
	for ; err != nil; err = errors.Unwrap(err) {
		if joined, is := err.(interface{ Unwrap() []error }); is {
			var list []error
			for _, one := range joined.Unwrap() {
				list = append(list, all(one)...)
			}
			return list
		}
		if invalid := new(webhooks.InvalidError); errors.As(err, &invalid) && errors.Unwrap(err) == nil {
			return []error{err}
		}
	}
	return nil
}

// seen returns an endpoint as the principal may see it.
func seen(ctx context.Context, e webhooks.Endpoint) webhooks.Endpoint {
	if p, _ := access.From(ctx); !p.Scope.Covers(access.Write) {
		e.URL = e.Masked()
	}
	return e
}

type createEndpointInput struct {
	Body struct {
		URL         string     `json:"url" maxLength:"2048" doc:"An http or https URL." example:"https://example.com/webhooks"`
		Description string     `json:"description,omitempty" required:"false" maxLength:"500"`
		Events      []string   `json:"events,omitempty" required:"false" maxItems:"20" doc:"The types of events that it gets: docs/reference/webhooks.md. Left out: those of renders and batches."`
		UserID      *uuid.UUID `json:"user_id,omitempty" required:"false" doc:"It gets events of this user's campaigns alone. A token of one user makes its user's."`
		Secret      string     `json:"secret,omitempty" required:"false" maxLength:"200" doc:"whsec_ and the base64 of 24 to 64 bytes. Left out: one is made."`
	}
}

// endpointWithSecret is an endpoint whose secret is shown.
type endpointWithSecret struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag" doc:"The endpoint's version."`
	Body     struct {
		webhooks.Endpoint

		Secret string `json:"secret" doc:"What its signatures are made with. It is not shown again."`
	}
}

func (a *API) withSecret(e webhooks.Endpoint, secret webhooks.Secret) *endpointWithSecret {
	out := &endpointWithSecret{Location: a.at(endpointsPath + "/" + e.ID.String()), ETag: quoted(strconv.Itoa(e.Version))}
	out.Body.Endpoint, out.Body.Secret = e, secret.String()
	return out
}

func (a *API) createEndpoint(ctx context.Context, in *createEndpointInput) (*endpointWithSecret, error) {
	n := webhooks.NewEndpoint{URL: in.Body.URL, Description: in.Body.Description, Events: in.Body.Events}
	var err error
	if n.User, err = owner(ctx, in.Body.UserID); err != nil {
		return nil, err
	}
	if in.Body.Secret != "" {
		if n.Secret, err = webhooks.ParseSecret(in.Body.Secret); err != nil {
			return nil, webhookProblem(err)
		}
	}
	e, secret, err := webhooks.Create(ctx, a.cfg.DB, a.cfg.Keeper, uuid.New(), n)
	if err != nil {
		return nil, webhookProblem(err)
	}
	return a.withSecret(e, secret), nil
}

// webhookPlace is what cursors of endpoints and deliveries hold.
type webhookPlace struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// placeOf reads a cursor; nil is the beginning.
func placeOf(cursor string) (*webhooks.Place, error) {
	if cursor == "" {
		return nil, nil
	}
	var p webhookPlace
	if err := renders.Cursor(cursor).Place(&p); err != nil || p.ID == uuid.Nil {
		return nil, renders.ErrCursor
	}
	return &webhooks.Place{At: p.At, ID: p.ID}, nil
}

// pageOf cuts a list of one more than a page has.
func pageOf[T any](list []T, limit int, place func(T) webhookPlace) *List[T] {
	var next renders.Cursor
	if len(list) > limit {
		list = list[:limit]
		next = renders.NewCursor(place(list[limit-1]))
	}
	return listOf(list, next)
}

type listEndpointsInput struct{ Page }

func (a *API) listEndpoints(ctx context.Context, in *listEndpointsInput) (*List[webhooks.Endpoint], error) {
	after, err := placeOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, err := webhooks.Endpoints(ctx, a.cfg.DB, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i] = seen(ctx, list[i])
	}
	return pageOf(list, in.Limit, func(e webhooks.Endpoint) webhookPlace { return webhookPlace{e.CreatedAt, e.ID} }), nil
}

type endpointInput struct {
	ID uuid.UUID `path:"id" doc:"The endpoint's id."`
}

type endpointOutput struct {
	ETag string `header:"ETag" doc:"The endpoint's version."`
	Body webhooks.Endpoint
}

func shownEndpoint(ctx context.Context, e webhooks.Endpoint) *endpointOutput {
	return &endpointOutput{quoted(strconv.Itoa(e.Version)), seen(ctx, e)}
}

func (a *API) getEndpoint(ctx context.Context, in *endpointInput) (*endpointOutput, error) {
	e, err := webhooks.Get(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, webhookProblem(err)
	}
	return shownEndpoint(ctx, e), nil
}

type updateEndpointInput struct {
	ID      uuid.UUID `path:"id" doc:"The endpoint's id."`
	IfMatch string    `header:"If-Match" doc:"The ETag that was got. Empty: whatever is there."`
	Body    struct {
		URL         *string  `json:"url,omitempty" required:"false" maxLength:"2048"`
		Description *string  `json:"description,omitempty" required:"false" maxLength:"500"`
		Events      []string `json:"events,omitempty" required:"false" maxItems:"20"`
		Enabled     *bool    `json:"enabled,omitempty" required:"false" doc:"false: it gets nothing until it is enabled again."`
	}
}

func (a *API) updateEndpoint(ctx context.Context, in *updateEndpointInput) (*endpointOutput, error) {
	c := webhooks.Change{URL: in.Body.URL, Description: in.Body.Description, Events: in.Body.Events, Enabled: in.Body.Enabled}
	if in.IfMatch != "" && strings.TrimSpace(in.IfMatch) != "*" {
		e, err := webhooks.Get(ctx, a.cfg.DB, in.ID)
		if err != nil {
			return nil, webhookProblem(err)
		}
		if !matches(in.IfMatch, strconv.Itoa(e.Version)) {
			return nil, webhookProblem(webhooks.ErrVersion)
		}
		c.Version = &e.Version
	}
	e, err := webhooks.Edit(ctx, a.cfg.DB, in.ID, c)
	if err != nil {
		return nil, webhookProblem(err)
	}
	return shownEndpoint(ctx, e), nil
}

func (a *API) deleteEndpoint(ctx context.Context, in *endpointInput) (*struct{}, error) {
	if err := webhooks.Delete(ctx, a.cfg.DB, in.ID); err != nil {
		return nil, webhookProblem(err)
	}
	return nil, nil
}

type rotateSecretInput struct {
	ID   uuid.UUID `path:"id" doc:"The endpoint's id."`
	Body struct {
		Secret  string `json:"secret,omitempty" required:"false" maxLength:"200" doc:"whsec_ and the base64 of 24 to 64 bytes. Left out: one is made."`
		Overlap int    `json:"overlap_seconds,omitempty" required:"false" default:"86400" minimum:"0" maximum:"604800" doc:"For how long messages are signed with both."`
	}
}

func (a *API) rotateSecret(ctx context.Context, in *rotateSecretInput) (*endpointWithSecret, error) {
	var secret webhooks.Secret
	if in.Body.Secret != "" {
		var err error
		if secret, err = webhooks.ParseSecret(in.Body.Secret); err != nil {
			return nil, webhookProblem(err)
		}
	}
	e, secret, err := webhooks.Rotate(ctx, a.cfg.DB, a.cfg.Keeper, in.ID, secret, time.Duration(in.Body.Overlap)*time.Second)
	if err != nil {
		return nil, webhookProblem(err)
	}
	return a.withSecret(e, secret), nil
}

type testedEndpoint struct {
	Body struct {
		EventID uuid.UUID `json:"event_id" doc:"The webhook-id of the message."`
	}
}

func (a *API) testEndpoint(ctx context.Context, in *endpointInput) (*testedEndpoint, error) {
	id, err := webhooks.Test(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, webhookProblem(err)
	}
	out := &testedEndpoint{}
	out.Body.EventID = id
	return out, nil
}

type listDeliveriesInput struct {
	Page

	Endpoint string    `query:"endpoint_id" format:"uuid"`
	Render   string    `query:"render_id" format:"uuid"`
	Event    string    `query:"event_id" format:"uuid" doc:"The webhook-id."`
	States   []string  `query:"state" enum:"pending,delivered,dead" doc:"One of these, divided by commas."`
	Types    []string  `query:"type" maxItems:"20" doc:"One of these types of events, divided by commas."`
	From     time.Time `query:"created_from" doc:"Created then or later."`
	Before   time.Time `query:"created_before" doc:"Created before then."`
}

func idOf(text string) *uuid.UUID {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil
	}
	return &id
}

func (a *API) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*List[webhooks.Delivery], error) {
	after, err := placeOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	f := webhooks.Filter{Endpoint: idOf(in.Endpoint), Render: idOf(in.Render), Event: idOf(in.Event), States: in.States, Types: in.Types, Since: in.From, Before: in.Before}
	list, err := webhooks.Deliveries(ctx, a.cfg.DB, f, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return pageOf(list, in.Limit, func(d webhooks.Delivery) webhookPlace { return webhookPlace{d.CreatedAt, d.ID} }), nil
}

type deliveryInput struct {
	ID uuid.UUID `path:"id" doc:"The delivery's id."`
}

type deliveryOutput struct{ Body webhooks.DeliveryInFull }

func (a *API) getDelivery(ctx context.Context, in *deliveryInput) (*deliveryOutput, error) {
	d, err := webhooks.InFull(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, webhookProblem(err)
	}
	return &deliveryOutput{d}, nil
}

type resentDeliveries struct {
	Body struct {
		Sent int `json:"resent" doc:"How many are sent again."`
	}
}

func (a *API) resendDelivery(ctx context.Context, in *deliveryInput) (*resentDeliveries, error) {
	if _, err := webhooks.InFull(ctx, a.cfg.DB, in.ID); err != nil {
		return nil, webhookProblem(err)
	}
	out, err := a.resend(ctx, webhooks.Filter{IDs: []uuid.UUID{in.ID}})
	if err == nil && out.Body.Sent == 0 {
		return nil, NewProblem(http.StatusConflict, CodeConflict, "It is being sent right now, or its endpoint is disabled.")
	}
	return out, err
}

type resendDeliveriesInput struct {
	Body struct {
		IDs      []uuid.UUID `json:"ids,omitempty" required:"false" maxItems:"1000"`
		Endpoint *uuid.UUID  `json:"endpoint_id,omitempty" required:"false"`
		Render   *uuid.UUID  `json:"render_id,omitempty" required:"false"`
		States   []string    `json:"state,omitempty" required:"false" enum:"pending,delivered,dead"`
		Types    []string    `json:"type,omitempty" required:"false" maxItems:"20"`
		From     *time.Time  `json:"created_from,omitempty" required:"false" doc:"Created then or later."`
		Before   *time.Time  `json:"created_before,omitempty" required:"false" doc:"Created before then."`
	}
}

func (a *API) resendDeliveries(ctx context.Context, in *resendDeliveriesInput) (*resentDeliveries, error) {
	b := in.Body
	f := webhooks.Filter{IDs: b.IDs, Endpoint: b.Endpoint, Render: b.Render, States: b.States, Types: b.Types}
	if b.From != nil {
		f.Since = *b.From
	}
	if b.Before != nil {
		f.Before = *b.Before
	}
	return a.resend(ctx, f)
}

func (a *API) resend(ctx context.Context, f webhooks.Filter) (*resentDeliveries, error) {
	n, err := webhooks.Resend(ctx, a.cfg.DB, f)
	if err != nil {
		return nil, webhookProblem(err)
	}
	out := &resentDeliveries{}
	out.Body.Sent = n
	return out, nil
}
