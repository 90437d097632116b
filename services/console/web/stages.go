package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/figures"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/snapshot"
)

// stageRow is a stage: what its workers do.
type stageRow struct {
	Name string
	// Tasks of the renders in progress.
	Waiting, Due, Later, Running int
	// Rate is how many tasks were done in the last minute.
	Rate int
	// Paused kinds of tasks; All: all of the stage's are.
	Paused []string
	All    bool
	// Workers of the last day. Live were heard of lately. Share is the part of the last hour that
	// they worked; where none is live, that the workers of the last hour did.
	Workers []workerRow
	Live    int
	Share   float64
	Speed   figures.Speed
	// Kinds of tasks that the stage has, with those that are paused.
	Kinds []kindRow
}

type kindRow struct {
	snapshot.Stage

	Verb string
}

type workerRow struct {
	figures.Worker

	Stale      bool
	Line, Area string
	// Now are the tasks that it works on.
	Now []nowRow
}

type nowRow struct {
	Task     string
	Render   uuid.UUID
	Since    time.Time
	Progress int
}

// stageNames are the stages, in the order of the pipeline.
var stageNames = []string{"record", "transcode", "upload"}

func stageOf(kind msg.Kind) string {
	switch kind {
	case msg.Record:
		return "record"
	case msg.Upload:
		return "upload"
	}
	return "transcode"
}

// rowsOf sums up kinds of tasks and workers by stage.
func rowsOf(now snapshot.Snapshot, workers []figures.Worker, speeds []figures.Speed, at time.Time) []stageRow {
	rows := make([]stageRow, len(stageNames))
	for i, name := range stageNames {
		row := &rows[i]
		row.Name = name
		for _, g := range now.Stages {
			if stageOf(g.Kind) != name {
				continue
			}
			row.Waiting, row.Due, row.Later, row.Running, row.Rate = row.Waiting+g.Waiting, row.Due+g.Due, row.Later+g.Later, row.Running+g.Running, row.Rate+g.Rate
			if g.Paused {
				row.Paused = append(row.Paused, string(g.Kind))
			}
			row.Kinds = append(row.Kinds, kindRow{g, verbOf(g.Kind)})
		}
		row.All = len(row.Paused) == len(row.Kinds)
		for _, s := range speeds {
			if s.Stage == name {
				row.Speed = s
			}
		}
		worked, share := 0, 0.0
		for _, w := range workers {
			if w.Stage != name {
				continue
			}
			// A worker to whom nothing is sent asks for nothing, so its silence says nothing.
			silent := at.Sub(w.Heard) > figures.Stale
			wr := workerRow{Worker: w, Stale: silent && row.Due > 0}
			wr.Line, wr.Area = spark(w.Busy)
			for _, slot := range now.Workers {
				if slot.Name == w.Name && stageOf(slot.Kind) == name {
					wr.Now = append(wr.Now, nowRow{nameOf(renders.Task{Kind: slot.Kind, Scene: slot.Scene}), slot.Render, slot.Since, percent(slot.Progress)})
				}
			}
			if !silent {
				row.Live++
				row.Share += w.Share()
			}
			if at.Sub(w.Heard) < time.Hour {
				worked++
				share += w.Share()
			}
			row.Workers = append(row.Workers, wr)
		}
		if row.Live == 0 {
			row.Share = share
		}
		row.Share /= float64(max(cmp.Or(row.Live, worked), 1))
	}
	return rows
}

// stagesPage is the page of stages and workers.
type stagesPage struct {
	Stages     []stageRow
	Maintainer *string
}

// stages shows stages and workers.
func (s *Server) stages(r *request) error {
	now, err := snapshot.Read(r.Context(), s.cfg.DB)
	if err != nil {
		return err
	}
	workers, err := figures.Workers(r.Context(), s.cfg.DB)
	if err != nil {
		return err
	}
	speeds, err := figures.Speeds(r.Context(), s.cfg.DB)
	if err != nil {
		return err
	}
	s.show(r, http.StatusOK, "stages", page{
		Title: "Stages and workers", Nav: "stages", Live: true, Data: stagesPage{rowsOf(now, workers, speeds, r.now), now.Maintainer},
	})
	return nil
}

// kinds are those of the stage in the path.
func (r *request) kinds() ([]msg.Kind, error) {
	kinds, err := renders.KindsOf(r.PathValue("stage"))
	if err != nil {
		return nil, errNoPage
	}
	return kinds, nil
}

func (s *Server) pause(r *request) error {
	kinds, err := r.kinds()
	if err != nil {
		return err
	}
	changed, err := renders.Pause(r.Context(), s.cfg.DB, kinds)
	if err != nil {
		return err
	}
	return r.redirect("/stages", changeNotice(changed, "Paused: ", ". What runs goes on, the rest waits.", "It was paused already."))
}

func (s *Server) resume(r *request) error {
	kinds, err := r.kinds()
	if err != nil {
		return err
	}
	changed, err := renders.Resume(r.Context(), s.cfg.DB, kinds)
	if err != nil {
		return err
	}
	return r.redirect("/stages", changeNotice(changed, "Resumed: ", ".", "It was not paused."))
}

func changeNotice(changed []msg.Kind, before, after, none string) string {
	if len(changed) == 0 {
		return none
	}
	var names []string
	for _, k := range changed {
		names = append(names, string(k))
	}
	slices.Sort(names)
	return before + strings.Join(names, ", ") + after
}
