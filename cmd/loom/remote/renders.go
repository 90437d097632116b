package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/clients/go/api"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/receipts"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// Submit queues a render of a campaign, and returns its id.
func (d *Deployment) Submit(ctx context.Context, s renders.Submission) (uuid.UUID, error) {
	document, err := s.Document()
	if err != nil {
		return uuid.Nil, err
	}
	var values any
	if s.Values != nil {
		values = s.Values
	}
	id, err := d.client.SubmitFor(ctx, document, values)
	if err != nil {
		return uuid.Nil, explain(err)
	}
	return uuid.Parse(id)
}

// Find returns the id that prefix is the start of.
func (d *Deployment) Find(ctx context.Context, prefix string) (uuid.UUID, error) {
	part, err := renders.RenderPart(prefix)
	if err != nil {
		return uuid.Nil, err
	}
	if id, err := uuid.Parse(part.String()); err == nil {
		if _, err := d.get(ctx, id); errors.Is(err, renders.ErrNotFound) {
			return part.One(nil)
		} else if err != nil {
			return uuid.Nil, err
		}
		return id, nil
	}
	text := part.String()
	// The filter also finds campaigns that are called so.
	found, err := take[renders.Render](0, func(cursor *string) (*http.Response, error) {
		return d.client.ListRenders(ctx, &api.ListRendersParams{Q: &text, Limit: new(mostOfAPage), Cursor: cursor})
	})
	if err != nil {
		return uuid.Nil, err
	}
	var ids []uuid.UUID
	for _, r := range found {
		if strings.HasPrefix(r.ID.String(), text) && len(ids) < 5 {
			ids = append(ids, r.ID)
		}
	}
	return part.One(ids)
}

func (d *Deployment) get(ctx context.Context, id uuid.UUID) (renders.Render, error) {
	r, err := decode[renders.Render](d.client.GetRender(ctx, id.String()))
	return r, ifMissing(err, fmt.Errorf("read render %s: %w", id, renders.ErrNotFound))
}

// Report returns a render with all that is known of how it is made.
func (d *Deployment) Report(ctx context.Context, id uuid.UUID) (r renders.Report, err error) {
	if r.Render, err = d.get(ctx, id); err != nil {
		return r, err
	}
	r.Making, err = decode[renders.Making](d.client.GetRenderTasks(ctx, id.String()))
	return r, ifMissing(err, renders.ErrNotFound)
}

// Forecast returns when a render will end that has not.
func (d *Deployment) Forecast(ctx context.Context, id uuid.UUID) (forecast.Forecast, error) {
	f, err := decode[forecast.Forecast](d.client.GetRender(ctx, id.String()))
	return f, ifMissing(err, renders.ErrNotFound)
}

// List returns the newest renders.
func (d *Deployment) List(ctx context.Context, limit int) ([]renders.Render, error) {
	return take[renders.Render](limit, func(cursor *string) (*http.Response, error) {
		return d.client.ListRenders(ctx, &api.ListRendersParams{Limit: new(min(limit, mostOfAPage)), Cursor: cursor})
	})
}

// Cancel ends a render.
func (d *Deployment) Cancel(ctx context.Context, id uuid.UUID) (cancelled bool, status string, err error) {
	r, err := decode[api.CancelledRenderBody](d.client.CancelRender(ctx, id.String()))
	return r.Cancelled, r.Status, ifMissing(err, renders.ErrNotFound)
}

// Retry queues a new job for a render. There is none if it needs none, or has one.
func (d *Deployment) Retry(ctx context.Context, id uuid.UUID) (job *uuid.UUID, status string, err error) {
	made, err := decode[struct {
		Job    uuid.UUID `json:"job_id"`
		Status string    `json:"status"`
	}](d.client.RetryRender(ctx, id.String()))
	if conflicts(err) {
		r, err := d.get(ctx, id)
		return nil, r.Status, err
	}
	if err != nil {
		return nil, "", ifMissing(err, renders.ErrNotFound)
	}
	return &made.Job, made.Status, nil
}

// Receipt returns what a render used.
func (d *Deployment) Receipt(ctx context.Context, id uuid.UUID) (receipts.Receipt, error) {
	r, err := decode[receipts.Receipt](d.client.GetRenderReceipt(ctx, id.String()))
	return r, ifMissing(err, renders.ErrNotFound)
}

// Fetch writes a finished render's files to the paths.
func (d *Deployment) Fetch(ctx context.Context, r renders.Report, to renders.Files) error {
	artifacts, err := decode[api.ArtifactsOutputBody](d.client.ListRenderArtifacts(ctx, r.Render.ID.String()))
	if err != nil {
		return err
	}
	paths := map[api.ArtifactName]string{api.Video: to.Video, api.Thumbnail: to.Thumbnail}
	if to.PreviewGIF != "" {
		paths[api.PreviewGif], paths[api.PreviewWebp] = to.PreviewGIF, to.PreviewWebP
	}
	for _, a := range artifacts.Items {
		path, wanted := paths[a.Name]
		if !wanted {
			continue
		}
		if err := download(ctx, a.URL, path); err != nil {
			return fmt.Errorf("download %s: %w", filepath.Base(path), err)
		}
		delete(paths, a.Name)
	}
	for name := range paths {
		return fmt.Errorf("the API has no %s of render %s", name, r.Render.ID)
	}
	return nil
}

// FetchBundle writes the failure bundle that explains best why a render failed to the path.
func (d *Deployment) FetchBundle(ctx context.Context, render uuid.UUID, _ renders.Attempt, path string) error {
	one, err := decode[api.Artifact](d.client.GetRenderBundle(ctx, render.String()))
	if err != nil {
		return err
	}
	if err := download(ctx, one.URL, path); errors.Is(err, errGone) {
		return fmt.Errorf("the failure bundle is gone: it is deleted some time after its render has ended (WORK_RETENTION): %w", err)
	} else if err != nil {
		return fmt.Errorf("download the failure bundle: %w", err)
	}
	return nil
}
