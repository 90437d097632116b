package remote

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/clients/go/api"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/bulk"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/snapshot"
)

// bulkRequest is an action as the API takes it, and bulkAnswer what it answers.
type bulkRequest struct {
	Action   string            `json:"action"`
	Priority *int              `json:"priority,omitempty"`
	Filter   renders.Selection `json:"filter"`
	DryRun   bool              `json:"dry_run,omitempty"`
}

type bulkAnswer struct {
	bulk.Counts

	Made bulk.Action `json:"bulk_action"`
}

func (d *Deployment) bulk(ctx context.Context, r bulk.Request, dry bool) (answer bulkAnswer, err error) {
	if r.Filter.Empty() {
		return answer, bulk.ErrEmpty
	}
	request := bulkRequest{Action: r.Action, Filter: renders.Select(r.Filter), DryRun: dry}
	if r.Action == bulk.Priority {
		request.Priority = &r.Priority
	}
	body, err := reader(request)
	if err != nil {
		return answer, err
	}
	return decode[bulkAnswer](d.client.CreateBulkActionWithBody(ctx, jsonType, body))
}

// Count returns how many renders a request is about.
func (d *Deployment) Count(ctx context.Context, r bulk.Request) (bulk.Counts, error) {
	answer, err := d.bulk(ctx, r, true)
	return answer.Counts, err
}

// Begin makes an action, which the console carries out.
func (d *Deployment) Begin(ctx context.Context, r bulk.Request) (made bulk.Action, stop func(), err error) {
	answer, err := d.bulk(ctx, r, false)
	return answer.Made, func() {}, err
}

// Action returns an action.
func (d *Deployment) Action(ctx context.Context, id uuid.UUID) (bulk.Action, error) {
	a, err := decode[bulk.Action](d.client.GetBulkAction(ctx, id.String()))
	return a, ifMissing(err, bulk.ErrNotFound)
}

// Snapshot returns what the installation does at this moment.
func (d *Deployment) Snapshot(ctx context.Context) (snapshot.Snapshot, error) {
	return decode[snapshot.Snapshot](d.client.GetSnapshot(ctx))
}

// Pause pauses kinds of tasks.
func (d *Deployment) Pause(ctx context.Context, kinds []msg.Kind) (changed []msg.Kind, err error) {
	for _, kind := range kinds {
		r, err := decode[changedKinds](d.client.PauseStage(ctx, api.PauseStageParamsStage(kind)))
		if err != nil {
			return changed, fmt.Errorf("pause %s: %w", kind, err)
		}
		changed = append(changed, r.Changed...)
	}
	return changed, nil
}

// Resume resumes kinds of tasks.
func (d *Deployment) Resume(ctx context.Context, kinds []msg.Kind) (changed []msg.Kind, err error) {
	for _, kind := range kinds {
		r, err := decode[changedKinds](d.client.ResumeStage(ctx, api.ResumeStageParamsStage(kind)))
		if err != nil {
			return changed, fmt.Errorf("resume %s: %w", kind, err)
		}
		changed = append(changed, r.Changed...)
	}
	return changed, nil
}

type changedKinds struct {
	Changed []msg.Kind `json:"changed"`
}

// Trouble returns what is paused, and the jobs that are set aside. A token of one user is told of
// neither.
func (d *Deployment) Trouble(ctx context.Context) ([]renders.Paused, []renders.Aside, error) {
	r, err := decode[struct {
		Paused   []renders.Paused `json:"paused"`
		SetAside []renders.Aside  `json:"set_aside"`
	}](d.client.ListStages(ctx))
	if errors.Is(err, ErrRefused) {
		return nil, nil, nil
	}
	return r.Paused, r.SetAside, err
}
