package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// Store signs URLs of objects.
type Store interface {
	Sign(ctx context.Context, bucket, key string, ttl time.Duration) (url string, err error)
}

// Buckets are where objects are.
type Buckets struct{ Videos, Thumbnails, Work string }

// signedFor is how long a signed URL is valid: long enough to begin a download.
const signedFor = 15 * time.Minute

// artifacts registers what shows how a render is made, and fetches what was made.
func (a *API) artifacts() {
	tags := []string{"renders"}
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-render-tasks", Method: http.MethodGet, Path: "/v1/renders/{id}/tasks", Tags: tags, Summary: "Get a render's stages, tasks and attempts",
		Description: "What `loom status --json` prints beside the render.", Errors: []int{http.StatusNotFound},
	}, a.getTasks)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "list-render-artifacts", Method: http.MethodGet, Path: "/v1/renders/{id}/artifacts", Tags: tags, Summary: "Get URLs of what a render has made",
		Description: "The video, its thumbnails and previews, and the failure bundles of attempts that failed. Each URL is signed: whoever has it may read " +
			"the object, for 15 minutes. Some time after a render has ended its failure bundles are deleted (WORK_RETENTION).",
		Errors: []int{http.StatusNotFound},
	}, a.listArtifacts)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-render-bundle", Method: http.MethodGet, Path: "/v1/renders/{id}/bundle", Tags: tags, Summary: "Get a URL of the failure bundle that explains best why a render failed",
		Errors: []int{http.StatusNotFound},
	}, a.getBundle)
}

type tasksOutput struct{ Body renders.Making }

func (a *API) getTasks(ctx context.Context, in *renderInput) (*tasksOutput, error) {
	r, err := renders.Read(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	return &tasksOutput{r.Making}, nil
}

// Artifact is an object that a render has made.
type Artifact struct {
	Name        string    `json:"name" enum:"video,thumbnail,thumbnail_small,preview_gif,preview_webp,failure_bundle"`
	ContentType string    `json:"content_type" example:"video/mp4"`
	URL         string    `json:"url" format:"uri" doc:"A signed URL, to be read with GET and no header."`
	ExpiresAt   time.Time `json:"expires_at" doc:"When the URL ends."`
	// Scene and Attempt are those of a failure bundle.
	Scene   int `json:"scene,omitempty" doc:"The scene of a failure bundle, from 1."`
	Attempt int `json:"attempt,omitempty" doc:"The attempt of a failure bundle."`
}

type artifactsOutput struct {
	Body struct {
		Items []Artifact `json:"items" nullable:"false"`
	}
}

func (a *API) listArtifacts(ctx context.Context, in *renderInput) (*artifactsOutput, error) {
	r, err := renders.Read(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	out := &artifactsOutput{}
	out.Body.Items = []Artifact{}
	add := func(bucket, key string, one Artifact) error {
		one, err := a.sign(ctx, bucket, key, one)
		if err == nil {
			out.Body.Items = append(out.Body.Items, one)
		}
		return err
	}
	if upload, found := renders.UploadTask(r.Tasks); found && r.Render.Status == renders.Done {
		name := r.Render.ID.String() + "/" + upload.ID.String()
		for _, one := range []struct {
			there       bool
			bucket, key string
			Artifact
		}{
			{true, a.cfg.Buckets.Videos, name + ".mp4", Artifact{Name: "video", ContentType: "video/mp4"}},
			{true, a.cfg.Buckets.Thumbnails, name + ".jpg", Artifact{Name: "thumbnail", ContentType: "image/jpeg"}},
			{r.Render.ThumbSmall != nil, a.cfg.Buckets.Thumbnails, name + "-small.jpg", Artifact{Name: "thumbnail_small", ContentType: "image/jpeg"}},
			{r.Render.PreviewURL != nil, a.cfg.Buckets.Thumbnails, name + ".gif", Artifact{Name: "preview_gif", ContentType: "image/gif"}},
			{r.Render.PreviewWebP != nil, a.cfg.Buckets.Thumbnails, name + ".webp", Artifact{Name: "preview_webp", ContentType: "image/webp"}},
		} {
			if !one.there {
				continue
			}
			if err := add(one.bucket, one.key, one.Artifact); err != nil {
				return nil, err
			}
		}
	}
	for _, t := range r.Tasks {
		for _, attempt := range t.Attempts {
			if attempt.BundleKey == nil {
				continue
			}
			if err := add(a.cfg.Buckets.Work, *attempt.BundleKey, bundle(t, attempt)); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func bundle(t renders.Task, attempt renders.Attempt) Artifact {
	return Artifact{Name: "failure_bundle", ContentType: "application/zip", Scene: t.Scene, Attempt: attempt.Attempt}
}

type artifactOutput struct{ Body Artifact }

func (a *API) getBundle(ctx context.Context, in *renderInput) (*artifactOutput, error) {
	r, err := renders.Read(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	task, attempt, found := renders.Bundle(r.Tasks)
	if !found {
		return nil, NewProblem(http.StatusNotFound, CodeNotFound, "The render has no failure bundle: no scene of it failed, or it was cancelled before one did.")
	}
	one, err := a.sign(ctx, a.cfg.Buckets.Work, *attempt.BundleKey, bundle(task, attempt))
	if err != nil {
		return nil, err
	}
	return &artifactOutput{one}, nil
}

// sign completes an artifact with its URL.
func (a *API) sign(ctx context.Context, bucket, key string, one Artifact) (Artifact, error) {
	one.ExpiresAt = time.Now().Add(signedFor).UTC().Truncate(time.Second)
	var err error
	if one.URL, err = a.cfg.Store.Sign(ctx, bucket, key, signedFor); err != nil {
		return one, fmt.Errorf("sign a URL: %w", err)
	}
	return one, nil
}
