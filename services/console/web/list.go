package web

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// perPage is how many renders a page lists.
const perPage = 50

// listPage is a list of renders.
type listPage struct {
	Renders []renders.Render
	Query   query
	Tabs    []tab
	// Views are those that who looks has saved.
	Views []viewLink
	// Forecasts are those of renders that have not ended.
	Forecasts map[uuid.UUID]forecast.Forecast
	// Older is the address of the next page, and First that of the first; empty when this is it.
	Older, First string
}

// tab is a choice of statuses.
type tab struct {
	Name, Link string
	Current    bool
}

// list shows the renders that a filter means, the newest first.
func (s *Server) list(r *request) error {
	q, err := readQuery(r.URL.Query(), r.now)
	if err != nil {
		return err
	}
	after := renders.Cursor(r.URL.Query().Get("after"))
	list, next, err := renders.List(r.Context(), s.cfg.DB, q.filter, after, perPage)
	if errors.Is(err, renders.ErrCursor) {
		return errLostPage
	}
	if err != nil {
		return err
	}
	d := listPage{Renders: list, Query: q}
	var going []uuid.UUID
	for _, render := range list {
		if !render.Ended() {
			going = append(going, render.ID)
		}
	}
	if d.Forecasts, err = s.cfg.Forecasts.Of(r.Context(), going...); err != nil {
		return err
	}
	for _, t := range []choice{{"", "All"}, {"queued", "Queued"}, {"active", "In progress"}, {"done", "Done"}, {"failed", "Failed"}, {"cancelled", "Cancelled"}} {
		d.Tabs = append(d.Tabs, tab{t.Text, s.link(q.with("status", t.Value)), q.Status == t.Value})
	}
	if next != "" {
		d.Older = s.link(q.with("after", string(next)))
	}
	if after != "" {
		d.First = s.link(q.with("after", ""))
	}
	if d.Views, err = s.viewLinks(r, q); err != nil {
		return err
	}
	p := page{Title: "Renders", Nav: "renders", Live: after == "", Data: d}
	for i := range list {
		p.Media = append(p.Media, list[i].ThumbSmall)
	}
	s.show(r, http.StatusOK, "list", p)
	return nil
}
