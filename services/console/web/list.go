package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

// perPage is how many renders a page lists.
const perPage = 50

// listPage is a list of renders.
type listPage struct {
	Renders []renders.Render
	Query   query
	Tabs    []tab
	// Older is the address of the next page, and First that of the first; empty when this is it.
	Older, First string
}

// tab is a choice of statuses.
type tab struct {
	Name, Link string
	Current    bool
}

// query is a filter as the address has it.
type query struct {
	Text, Status, Code, Stage, Campaign, User, Within string

	values url.Values
	filter renders.Filter
}

// groups are names for several statuses at once.
var groups = map[string][]string{
	"active": {"recording", "normalizing", "concatenating", "overlaying", "uploading"},
}

// withins are how far back a list goes.
var withins = []choice{{"1h", "last hour"}, {"24h", "last 24 hours"}, {"168h", "last 7 days"}, {"720h", "last 30 days"}}

// readQuery reads a filter from an address or a form. What it cannot read is an error: a filter
// that is left out would mean more renders than were asked for.
func readQuery(values url.Values, now time.Time) (q query, err error) {
	q = query{
		Text: values.Get("q"), Status: values.Get("status"), Code: values.Get("code"), Stage: values.Get("stage"), Campaign: values.Get("campaign"),
		User: values.Get("user"), Within: values.Get("within"), values: url.Values{},
	}
	for name, value := range map[string]string{"q": q.Text, "status": q.Status, "code": q.Code, "stage": q.Stage, "campaign": q.Campaign, "user": q.User, "within": q.Within} {
		if value != "" {
			q.values.Set(name, value)
		}
	}
	wrong := func(what string) error {
		return &refusal{status: http.StatusUnprocessableEntity, title: "This filter cannot be read", text: what}
	}
	f := &q.filter
	f.Text = q.Text
	switch {
	case q.Status == "":
	case groups[q.Status] != nil:
		f.Statuses = groups[q.Status]
	case slices.Contains(renders.Statuses, q.Status):
		f.Statuses = []string{q.Status}
	default:
		return q, wrong("There is no such status: " + q.Status)
	}
	if q.Code != "" {
		f.Codes = []string{q.Code}
	}
	if f.Stage = q.Stage; q.Stage != "" && !slices.Contains(stageNames, q.Stage) {
		return q, wrong("There is no such stage: " + q.Stage)
	}
	for _, id := range []struct {
		text string
		into *uuid.UUID
	}{{q.Campaign, &f.Campaign}, {q.User, &f.User}} {
		if id.text == "" {
			continue
		}
		if *id.into, err = uuid.Parse(id.text); err != nil {
			return q, wrong("This is no id: " + id.text)
		}
	}
	if q.Within != "" {
		back, err := time.ParseDuration(q.Within)
		if err != nil || back <= 0 {
			return q, wrong("This is no duration: " + q.Within)
		}
		f.From = now.Add(-back)
	}
	return q, nil
}

// Empty reports whether all renders are meant.
func (q query) Empty() bool { return q.filter.Empty() }

// Fields are the filter as a form has it.
func (q query) Fields() url.Values { return q.values }

// with returns the address of the list with another value of a field.
func (q query) with(name, value string) string {
	values := url.Values{}
	for k, v := range q.values {
		values[k] = v
	}
	if values.Set(name, value); value == "" {
		values.Del(name)
	}
	if len(values) == 0 {
		return "/renders"
	}
	return "/renders?" + values.Encode()
}

// Withins are the choices of how far back the list goes.
func (query) Withins() []choice { return withins }

// Stages are the choices of a stage.
func (query) Stages() []string { return stageNames }

// list shows the renders that a filter means, the newest first.
func (s *Server) list(r *request) error {
	q, err := readQuery(r.URL.Query(), r.now)
	if err != nil {
		return err
	}
	after := renders.Cursor(r.URL.Query().Get("after"))
	list, next, err := renders.List(r.Context(), s.cfg.DB, q.filter, after, perPage)
	if errors.Is(err, renders.ErrCursor) {
		return &refusal{status: http.StatusUnprocessableEntity, title: "This page of the list cannot be found", text: "Begin again with its first page."}
	}
	if err != nil {
		return err
	}
	d := listPage{Renders: list, Query: q}
	for _, t := range []choice{{"", "All"}, {"queued", "Queued"}, {"active", "In progress"}, {"done", "Done"}, {"failed", "Failed"}, {"cancelled", "Cancelled"}} {
		d.Tabs = append(d.Tabs, tab{t.Text, s.link(q.with("status", t.Value)), q.Status == t.Value})
	}
	if next != "" {
		d.Older = s.link(q.with("after", string(next)))
	}
	if after != "" {
		d.First = s.link(q.with("after", ""))
	}
	p := page{Title: "Renders", Nav: "renders", Live: after == "", Data: d}
	for i := range list {
		p.Media = append(p.Media, list[i].ThumbSmall)
	}
	s.show(r, http.StatusOK, "list", p)
	return nil
}
