package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// mostEndpoints bounds how many endpoints are listed.
const mostEndpoints = 200

// endpointsPage lists the endpoints of webhooks.
type endpointsPage struct {
	Endpoints []webhooks.Endpoint
	More      bool
}

// endpoints shows where webhooks are sent to.
func (s *Server) endpoints(r *request) error {
	list, err := webhooks.Endpoints(r.Context(), s.cfg.DB, nil, mostEndpoints+1)
	if err != nil {
		return err
	}
	d := endpointsPage{Endpoints: list[:min(len(list), mostEndpoints)], More: len(list) > mostEndpoints}
	for i := range d.Endpoints {
		d.Endpoints[i] = seen(r.Context(), d.Endpoints[i])
	}
	s.show(r, http.StatusOK, "webhooks", page{Title: "Webhooks", Nav: "webhooks", Live: true, Data: d})
	return nil
}

// seen is an endpoint as who asks may see it: the path of its URL may give access.
func seen(ctx context.Context, e webhooks.Endpoint) webhooks.Endpoint {
	if p, _ := access.From(ctx); !p.Scope.Covers(access.Write) {
		e.URL = e.Masked()
	}
	return e
}

// endpointPage is one endpoint, or the form of a new one.
type endpointPage struct {
	webhooks.Endpoint

	// New: it is not made yet.
	New bool
	// Types are the types of events, and whether it gets them.
	Types []eventType
	// User is whose events it gets, as the form has it.
	User string
	// Secret is shown this once.
	Secret     string
	Problem    string
	Deliveries []webhooks.Delivery
}

type eventType struct {
	Name    string
	Checked bool
}

// typesOf are the types that an endpoint of a user's may get, with those that are chosen.
func typesOf(user bool, chosen []string) (list []eventType) {
	for _, name := range webhooks.Types {
		if user && strings.HasPrefix(name, "alert.") {
			continue
		}
		list = append(list, eventType{name, slices.Contains(chosen, name)})
	}
	return list
}

// newEndpoint shows the form of a new endpoint. It has the endpoint's id: a form that is sent again
// makes no second one.
func (s *Server) newEndpoint(r *request) error {
	s.showEndpoint(r, http.StatusOK, endpointPage{New: true, Endpoint: webhooks.Endpoint{ID: uuid.New(), Events: webhooks.DefaultTypes}})
	return nil
}

func (s *Server) showEndpoint(r *request, status int, d endpointPage) {
	d.Types = typesOf(r.who.User != nil || d.UserID != nil, d.Events)
	title := "New endpoint"
	if !d.New {
		title = "Endpoint"
	}
	s.show(r, status, "endpoint", page{Title: title, Nav: "webhooks", Data: d})
}

// makeEndpoint makes an endpoint, and shows its secret.
func (s *Server) makeEndpoint(r *request) error {
	if err := r.ParseForm(); err != nil {
		return errUnreadableForm
	}
	id, err := uuid.Parse(r.PostFormValue("id"))
	if err != nil {
		return errUnreadableForm
	}
	wanted := webhooks.NewEndpoint{
		URL: strings.TrimSpace(r.PostFormValue("url")), Description: strings.TrimSpace(r.PostFormValue("description")), Events: r.PostForm["events"], User: r.who.User,
	}
	if wanted.Events == nil {
		wanted.Events = []string{}
	}
	d := endpointPage{New: true, User: strings.TrimSpace(r.PostFormValue("user")), Endpoint: webhooks.Endpoint{
		ID: id, URL: wanted.URL, Description: wanted.Description, Events: wanted.Events,
	}}
	if d.User != "" && r.who.User == nil {
		user, err := uuid.Parse(d.User)
		if err != nil {
			d.Problem = "The user is no id."
			s.showEndpoint(r, http.StatusUnprocessableEntity, d)
			return nil
		}
		wanted.User = &user
	}
	made, secret, err := webhooks.Create(r.Context(), s.cfg.DB, s.cfg.Keeper, id, wanted)
	if text := invalid(err); text != "" {
		d.Problem = text
		s.showEndpoint(r, http.StatusUnprocessableEntity, d)
		return nil
	}
	if err != nil {
		return noEndpoint(err)
	}
	s.showEndpoint(r, http.StatusOK, endpointPage{Endpoint: made, Secret: secret.String()})
	return nil
}

// invalid says to people what is wrong with an endpoint; empty when err is about something else.
func invalid(err error) string {
	var list []string
	for _, one := range flat(err) {
		if wrong := new(webhooks.InvalidError); errors.As(one, &wrong) {
			list = append(list, wrong.Error())
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), "; ")
}

// flat returns the errors that are joined in err.
func flat(err error) (list []error) {
	switch e := err.(type) { //nolint:errorlint // it is taken apart
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			list = append(list, flat(one)...)
		}
		return list
	case interface{ Unwrap() error }:
		return flat(e.Unwrap())
	case nil:
		return nil
	}
	return []error{err}
}

// noEndpoint says to people why package webhooks refuses. Other errors stay as they are.
func noEndpoint(err error) error {
	switch {
	case errors.Is(err, webhooks.ErrNotFound):
		return &refusal{status: http.StatusNotFound, title: "Not found", text: "There is no such endpoint or delivery, or it is not yours."}
	case errors.Is(err, webhooks.ErrDisabled):
		return &refusal{status: http.StatusConflict, title: "The endpoint is disabled", text: "It is sent nothing. Enable it first."}
	case errors.Is(err, webhooks.ErrEmptyFilter):
		return &refusal{status: http.StatusUnprocessableEntity, title: "The filter is empty", text: "It would send everything again. Set something of it first. Nothing was sent."}
	case errors.Is(err, webhooks.ErrTooMany):
		return &refusal{status: http.StatusUnprocessableEntity, title: "Too many deliveries match", text: fmt.Sprintf("At most %s are sent again at once. Set more of the filter. Nothing was sent.", number(webhooks.ResendMost))}
	}
	return err
}

// shownDeliveries is how many deliveries the page of an endpoint lists.
const shownDeliveries = 10

// endpoint shows one endpoint and what it was last sent.
func (s *Server) endpoint(r *request) error {
	e, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	d := endpointPage{Endpoint: seen(r.Context(), e)}
	if d.Deliveries, err = webhooks.Deliveries(r.Context(), s.cfg.DB, webhooks.Filter{Endpoint: &e.ID}, nil, shownDeliveries); err != nil {
		return err
	}
	s.showEndpoint(r, http.StatusOK, d)
	return nil
}

func (s *Server) endpointOf(r *request) (webhooks.Endpoint, error) {
	id, err := r.id()
	if err != nil {
		return webhooks.Endpoint{}, err
	}
	e, err := webhooks.Get(r.Context(), s.cfg.DB, id)
	return e, noEndpoint(err)
}

// editEndpoint changes an endpoint as its form says. If somebody else has changed it meanwhile, the
// form comes back, and says so.
func (s *Server) editEndpoint(r *request) error {
	e, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return errUnreadableForm
	}
	version, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil {
		return errUnreadableForm
	}
	address, description := strings.TrimSpace(r.PostFormValue("url")), strings.TrimSpace(r.PostFormValue("description"))
	events := append([]string{}, r.PostForm["events"]...)
	_, err = webhooks.Edit(r.Context(), s.cfg.DB, e.ID, webhooks.Change{URL: &address, Description: &description, Events: events, Version: &version})
	d := endpointPage{Endpoint: e, Problem: invalid(err)}
	d.URL, d.Description, d.Events = address, description, events
	switch {
	case errors.Is(err, webhooks.ErrVersion):
		d.Problem = "Somebody has changed it meanwhile. Save again to have it as it is here."
		s.showEndpoint(r, http.StatusConflict, d)
		return nil
	case d.Problem != "":
		s.showEndpoint(r, http.StatusUnprocessableEntity, d)
		return nil
	case err != nil:
		return noEndpoint(err)
	}
	return r.redirect(endpointAt(e.ID), "It is saved.")
}

func endpointAt(id uuid.UUID) string { return "/webhooks/" + id.String() }

// switchEndpoint has an endpoint get webhooks, or none.
func (s *Server) switchEndpoint(r *request) error {
	e, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	enabled := strings.HasSuffix(r.URL.Path, "/enable")
	if _, err := webhooks.Edit(r.Context(), s.cfg.DB, e.ID, webhooks.Change{Enabled: &enabled}); err != nil {
		return noEndpoint(err)
	}
	notice := "It is sent nothing until it is enabled again."
	if enabled {
		notice = "It gets what happens from now on."
	}
	return r.redirect(endpointAt(e.ID), notice)
}

// overlaps are for how long the last secret is used beside a new one.
var overlaps = []choice{{"24", "for a day"}, {"1", "for an hour"}, {"168", "for a week"}, {"0", "not at all"}}

// Overlaps are the choices of them.
func (endpointPage) Overlaps() []choice { return overlaps }

// rotateSecret gives an endpoint a new secret, and shows it.
func (s *Server) rotateSecret(r *request) error {
	e, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	hours, err := strconv.Atoi(r.PostFormValue("hours"))
	if err != nil || hours < 0 || hours > 168 {
		return errUnreadableForm
	}
	e, secret, err := webhooks.Rotate(r.Context(), s.cfg.DB, s.cfg.Keeper, e.ID, nil, time.Duration(hours)*time.Hour)
	if err != nil {
		return noEndpoint(err)
	}
	s.showEndpoint(r, http.StatusOK, endpointPage{Endpoint: e, Secret: secret.String()})
	return nil
}

// testEndpoint sends an event to an endpoint, in which nothing has happened.
func (s *Server) testEndpoint(r *request) error {
	e, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	event, err := webhooks.Test(r.Context(), s.cfg.DB, e.ID)
	if err != nil {
		return noEndpoint(err)
	}
	return r.redirect("/deliveries?event="+event.String(), "A test event is on its way.")
}

// deleteEndpoint deletes an endpoint and its deliveries.
func (s *Server) deleteEndpoint(r *request) error {
	e, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	if err := webhooks.Delete(r.Context(), s.cfg.DB, e.ID); err != nil {
		return noEndpoint(err)
	}
	return r.redirect("/webhooks", "The endpoint is deleted.")
}

// deliveryQuery is a filter of deliveries as the address has it.
type deliveryQuery struct {
	Endpoint, State, Type, Render, Within string

	values url.Values
	filter webhooks.Filter
}

// Empty reports whether all deliveries are meant.
func (q deliveryQuery) Empty() bool { return q.filter.Empty() }

// Fields are the filter as a form has it.
func (q deliveryQuery) Fields() url.Values { return q.values }

// Withins, States and EventTypes are the choices.
func (deliveryQuery) Withins() []choice { return withins }

// States are those of deliveries.
func (deliveryQuery) States() []string {
	return []string{webhooks.Pending, webhooks.Delivered, webhooks.Dead}
}

// EventTypes are those of events.
func (deliveryQuery) EventTypes() []string {
	return append(slices.Clone(webhooks.Types), webhooks.EndpointTest)
}

// readDeliveries reads a filter of deliveries from an address or a form.
func readDeliveries(values url.Values, now time.Time) (q deliveryQuery, err error) {
	q = deliveryQuery{Endpoint: values.Get("endpoint"), State: values.Get("state"), Type: values.Get("type"), Render: values.Get("render"), Within: values.Get("within"), values: url.Values{}}
	for _, name := range []string{"endpoint", "state", "type", "within", "render", "event", "from", "before"} {
		if value := values.Get(name); value != "" {
			q.values.Set(name, value)
		}
	}
	for name, into := range map[string]**uuid.UUID{"endpoint": &q.filter.Endpoint, "render": &q.filter.Render, "event": &q.filter.Event} {
		if text := values.Get(name); text != "" {
			id, err := uuid.Parse(text)
			if err != nil {
				return q, unreadable("This is no id: " + text)
			}
			*into = &id
		}
	}
	if q.State != "" {
		if !slices.Contains(q.States(), q.State) {
			return q, unreadable("There is no such state: " + q.State)
		}
		q.filter.States = []string{q.State}
	}
	if q.Type != "" {
		if !slices.Contains(q.EventTypes(), q.Type) {
			return q, unreadable("There is no such event: " + q.Type)
		}
		q.filter.Types = []string{q.Type}
	}
	if q.Within != "" {
		back, err := time.ParseDuration(q.Within)
		if err != nil || back <= 0 {
			return q, unreadable("This is no duration: " + q.Within)
		}
		q.filter.Since = now.Add(-back)
	}
	var from time.Time
	if err := readTimes(values, map[string]*time.Time{"from": &from, "before": &q.filter.Before}); err != nil {
		return q, err
	}
	if from.After(q.filter.Since) {
		q.filter.Since = from
	}
	return q, nil
}

// Hidden are the fields that the form of the list has no place for, with their names.
func (q deliveryQuery) Hidden() url.Values {
	values := url.Values{}
	for _, name := range []string{"event", "from", "before"} {
		if value := q.values.Get(name); value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// deliveriesPage lists deliveries.
type deliveriesPage struct {
	Deliveries   []webhooks.Delivery
	Query        deliveryQuery
	Endpoints    []webhooks.Endpoint
	Older, First string
	// Now pins what is sent again to what was there.
	Now string
}

// Host names an endpoint to people.
func (d deliveriesPage) Host(id uuid.UUID) string {
	for _, e := range d.Endpoints {
		if e.ID == id {
			return hostOf(e.URL)
		}
	}
	return short(id)
}

// Resendable reports whether what matches can be sent again together.
func (d deliveriesPage) Resendable() bool { return !d.Query.Empty() && len(d.Deliveries) > 0 }

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// deliveries lists what was sent, and what is to be.
func (s *Server) deliveries(r *request) error {
	q, err := readDeliveries(r.URL.Query(), r.now)
	if err != nil {
		return err
	}
	var after *webhooks.Place
	if text := r.URL.Query().Get("after"); text != "" {
		at, id, _ := strings.Cut(text, "_")
		after = &webhooks.Place{}
		var wrong error
		after.At, err = time.Parse(time.RFC3339Nano, at)
		if after.ID, wrong = uuid.Parse(id); err != nil || wrong != nil {
			return errLostPage
		}
	}
	d := deliveriesPage{Query: q, Now: r.now.UTC().Format(time.RFC3339Nano)}
	if d.Deliveries, err = webhooks.Deliveries(r.Context(), s.cfg.DB, q.filter, after, perPage+1); err != nil {
		return err
	}
	if d.Endpoints, err = webhooks.Endpoints(r.Context(), s.cfg.DB, nil, mostEndpoints); err != nil {
		return err
	}
	if len(d.Deliveries) > perPage {
		d.Deliveries = d.Deliveries[:perPage]
		last := d.Deliveries[perPage-1]
		next := url.Values{"after": {last.CreatedAt.UTC().Format(time.RFC3339Nano) + "_" + last.ID.String()}}
		for name, value := range q.values {
			next[name] = value
		}
		d.Older = s.link("/deliveries?" + next.Encode())
	}
	if after != nil {
		d.First = s.link("/deliveries?" + q.values.Encode())
	}
	s.show(r, http.StatusOK, "deliveries", page{Title: "Deliveries", Nav: "webhooks", Live: after == nil, Data: d})
	return nil
}

// deliveryPage is one delivery.
type deliveryPage struct {
	webhooks.DeliveryInFull

	Host string
	// Disabled: the endpoint gets nothing.
	Disabled bool
	// Indented is the body as people read it.
	Indented string
}

// delivery shows what is sent, and what was answered.
func (s *Server) delivery(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	var d deliveryPage
	if d.DeliveryInFull, err = webhooks.InFull(r.Context(), s.cfg.DB, id); err != nil {
		return noEndpoint(err)
	}
	e, err := webhooks.Get(r.Context(), s.cfg.DB, d.EndpointID)
	if err != nil {
		return noEndpoint(err)
	}
	d.Host, d.Disabled, d.Indented = hostOf(e.URL), e.DisabledAt != nil, indented([]byte(d.Body))
	s.show(r, http.StatusOK, "delivery", page{Title: d.Type, Nav: "webhooks", Live: true, Data: d})
	return nil
}

// resend sends deliveries again: one, or all that match a filter. It is bounded by when the page
// was made, so what came after it is not sent again unseen.
func (s *Server) resend(r *request) error {
	if err := r.ParseForm(); err != nil {
		return errUnreadableForm
	}
	if text := r.PostFormValue("id"); text != "" {
		id, err := uuid.Parse(text)
		if err != nil {
			return errUnreadableForm
		}
		if _, err := webhooks.InFull(r.Context(), s.cfg.DB, id); err != nil {
			return noEndpoint(err)
		}
		sent, err := webhooks.Resend(r.Context(), s.cfg.DB, webhooks.Filter{IDs: []uuid.UUID{id}})
		if err != nil {
			return noEndpoint(err)
		}
		notice := "It is sent again, with the same webhook-id."
		if sent == 0 {
			notice = "It is being sent right now, or its endpoint is disabled."
		}
		return r.redirect("/deliveries/"+id.String(), notice)
	}
	q, err := readDeliveries(r.PostForm, r.now)
	if err != nil {
		return err
	}
	if unbounded := q.filter; q.Empty() || unbounded.Endpoint == nil && unbounded.Render == nil && unbounded.Event == nil && unbounded.States == nil &&
		unbounded.Types == nil && unbounded.Since.IsZero() {
		return noEndpoint(webhooks.ErrEmptyFilter)
	}
	sent, err := webhooks.Resend(r.Context(), s.cfg.DB, q.filter)
	if err != nil {
		return noEndpoint(err)
	}
	q.values.Del("before")
	return r.redirect("/deliveries?"+q.values.Encode(), fmt.Sprintf("%s sent again. What is under way is left, and so is what is for a disabled endpoint.", counted(sent, "delivery is", "deliveries are")))
}

// counted is a number with what it is of.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}
