package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/snapshot"
)

// stages registers what shows and controls the installation's stages.
func (a *API) stages() {
	tags := []string{"stages"}
	read, write := Need{Scope: access.Read, Installation: true}, Need{Scope: access.Write, Installation: true}
	Handle(a, read, huma.Operation{
		OperationID: "get-snapshot", Method: http.MethodGet, Path: "/v1/snapshot", Tags: tags, Summary: "What the installation does at this moment",
		Description: "What `loom top --json` prints.",
	}, a.getSnapshot)
	Handle(a, read, huma.Operation{
		OperationID: "list-stages", Method: http.MethodGet, Path: "/v1/stages", Tags: tags, Summary: "List the kinds of tasks, and what of each is in hand",
	}, a.listStages)
	Handle(a, read, huma.Operation{
		OperationID: "list-workers", Method: http.MethodGet, Path: "/v1/workers", Tags: tags, Summary: "List the workers' tasks, and the workers that rest",
	}, a.listWorkers)
	Handle(a, write, huma.Operation{
		OperationID: "pause-stage", Method: http.MethodPost, Path: "/v1/stages/{stage}/pause", Tags: tags, Summary: "Let no more tasks of a stage begin",
		Description: "Those that run go on, and the others wait. Renders do not fail meanwhile.",
	}, func(ctx context.Context, in *stageInput) (*pausedOutput, error) {
		return a.pausing(ctx, in, renders.Pause)
	})
	Handle(a, write, huma.Operation{
		OperationID: "resume-stage", Method: http.MethodPost, Path: "/v1/stages/{stage}/resume", Tags: tags, Summary: "Let tasks of a paused stage begin again",
	}, func(ctx context.Context, in *stageInput) (*pausedOutput, error) {
		return a.pausing(ctx, in, renders.Resume)
	})
}

type snapshotOutput struct{ Body snapshot.Snapshot }

func (a *API) getSnapshot(ctx context.Context, _ *struct{}) (*snapshotOutput, error) {
	s, err := snapshot.Read(ctx, a.cfg.DB)
	if err != nil {
		return nil, err
	}
	return &snapshotOutput{s}, nil
}

type stagesOutput struct {
	Body struct {
		Items []snapshot.Stage `json:"items" nullable:"false"`
		// Backlog is of all of them together.
		Backlog  forecast.Backlog `json:"backlog" doc:"The renders that have not ended, and when the last of them will have."`
		Paused   []renders.Paused `json:"paused" nullable:"false" doc:"The kinds of tasks that are paused, and since when."`
		SetAside []renders.Aside  `json:"set_aside" nullable:"false" doc:"Jobs that the database refuses: none, as a rule."`
	}
}

func (a *API) listStages(ctx context.Context, _ *struct{}) (*stagesOutput, error) {
	s, err := snapshot.Read(ctx, a.cfg.DB)
	if err != nil {
		return nil, err
	}
	paused, err := renders.PausedKinds(ctx, a.cfg.DB)
	if err != nil {
		return nil, err
	}
	aside, err := renders.SetAside(ctx, a.cfg.DB, uuid.Nil)
	if err != nil {
		return nil, err
	}
	out := &stagesOutput{}
	if out.Body.Backlog, err = a.cfg.Forecasts.Backlog(ctx); err != nil {
		return nil, err
	}
	out.Body.Items, out.Body.Paused, out.Body.SetAside = s.Stages, append([]renders.Paused{}, paused...), append([]renders.Aside{}, aside...)
	return out, nil
}

type workersOutput struct {
	Body struct {
		Items   []snapshot.Worker  `json:"items" nullable:"false" doc:"A worker's slot, and the task in it."`
		Resting []snapshot.Resting `json:"resting" nullable:"false" doc:"Workers that get no tasks for a while, because they failed what others could do."`
	}
}

func (a *API) listWorkers(ctx context.Context, _ *struct{}) (*workersOutput, error) {
	s, err := snapshot.Read(ctx, a.cfg.DB)
	if err != nil {
		return nil, err
	}
	out := &workersOutput{}
	out.Body.Items, out.Body.Resting = append([]snapshot.Worker{}, s.Workers...), append([]snapshot.Resting{}, s.Resting...)
	return out, nil
}

type stageInput struct {
	Stage string `path:"stage" enum:"record,transcode,upload,probe,draw,normalize,concat,overlay" doc:"record, transcode or upload, or one kind of task of transcode."`
}

type pausedOutput struct {
	Body struct {
		Changed []msg.Kind       `json:"changed" nullable:"false" doc:"The kinds of tasks that this request has paused or resumed."`
		Paused  []renders.Paused `json:"paused" nullable:"false" doc:"All that is paused now."`
	}
}

func (a *API) pausing(ctx context.Context, in *stageInput, change func(context.Context, *pgxpool.Pool, []msg.Kind) ([]msg.Kind, error)) (*pausedOutput, error) {
	kinds, err := renders.KindsOf(in.Stage)
	if err != nil {
		return nil, NewProblem(http.StatusNotFound, CodeNotFound, "There is no such stage.")
	}
	changed, err := change(ctx, a.cfg.DB, kinds)
	if err != nil {
		return nil, err
	}
	paused, err := renders.PausedKinds(ctx, a.cfg.DB)
	if err != nil {
		return nil, err
	}
	out := &pausedOutput{}
	out.Body.Changed, out.Body.Paused = append([]msg.Kind{}, changed...), append([]renders.Paused{}, paused...)
	return out, nil
}
