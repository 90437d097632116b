package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
	case errors.Is(err, webhooks.ErrTaken):
		return &refusal{status: http.StatusConflict, title: "The endpoint was not made", text: "This form is not good any more. Open a new one."}
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
