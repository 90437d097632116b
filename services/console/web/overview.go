package web

import (
	"net/http"
	"time"

	"github.com/loom-lite/loom-lite/services/console/figures"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/snapshot"
)

// overviewPage is how an installation does.
type overviewPage struct {
	figures.Overview
	snapshot.Snapshot

	Columns []column
	Most    int
	Marks   []tick
	Stages  []stageRow
	Running []snapshot.Render
	// Backlog is when all renders will have ended.
	Backlog forecast.Backlog
}

// overview shows how the installation does. A person of one user sees that user's renders.
func (s *Server) overview(r *request) error {
	if r.who.User != nil {
		return r.redirect("/renders", "")
	}
	var d overviewPage
	var err error
	if d.Overview, err = figures.Read(r.Context(), s.cfg.DB); err != nil {
		return err
	}
	if d.Snapshot, err = snapshot.Read(r.Context(), s.cfg.DB); err != nil {
		return err
	}
	workers, err := figures.Workers(r.Context(), s.cfg.DB)
	if err != nil {
		return err
	}
	p := page{request: r, Title: "Overview", Nav: "overview", Live: true}
	d.Columns, d.Most = p.columns(d.Overview)
	for i := range 7 {
		at := d.Since.Add(time.Duration(i*12) * d.Step).In(r.zone)
		d.Marks = append(d.Marks, tick{hundredths(float64(i) * 100 / 6), at.Format("15:04")})
	}
	d.Stages = rowsOf(d.Snapshot, workers, d.Speeds, r.now)
	for _, render := range d.Renders {
		if render.Status != "queued" && len(d.Running) < 8 {
			d.Running = append(d.Running, render)
		}
	}
	if d.Backlog, err = s.cfg.Forecasts.Backlog(r.Context()); err != nil {
		return err
	}
	p.Data = d
	s.show(r, http.StatusOK, "overview", p)
	return nil
}

// Unsaid says why nobody can say when all renders will have ended.
func (d overviewPage) Unsaid() string { return unsaid(d.Backlog.ETA) }
