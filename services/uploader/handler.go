package uploader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/telemetry"
	"github.com/loom-lite/loom-lite/pkg/usage"
	"github.com/loom-lite/loom-lite/services/uploader/internal/share"
)

// presigned is how long presigned URLs work: the longest that S3 allows.
const presigned = 7 * 24 * time.Hour

const (
	// discardTimeout bounds the deletion of copies of an attempt that is not wanted.
	discardTimeout = 15 * time.Second
	// lockedPatience is how long an attempt waits for a render's row that is locked: other tasks
	// wait for its slot.
	lockedPatience = 5 * time.Second
)

// Words for the product's user.
const (
	storageMessage  = "The finished video could not be stored. Please try again in a few minutes."
	tooLargeMessage = "The finished video is larger than its storage allows. Whoever runs it must raise its limit, or the video be shorter."
	refusedMessage  = "The storage for videos is set up so that it does not take this video. Whoever runs it must change that."
)

// handler stores the outputs of renders.
type handler struct {
	cfg     Config
	store   *store.Client
	renders renders
	page    *share.Page
	// patience is how long one step is retried within an attempt.
	patience time.Duration
}

// file is one output: its name, and where it is copied to.
type file struct {
	name, contentType, bucket, key string
}

// urls are the URLs of the outputs for the app's users, by name. They may be signed, so they go
// nowhere but into the render's row.
type urls map[string]string

// Handle copies the video, the thumbnails and the previews to their buckets and closes the render.
func (h *handler) Handle(ctx context.Context, t *stage.Task) (any, error) {
	p, err := stage.Params[msg.UploadParams](t)
	if err != nil {
		return nil, err
	}
	files, pages := h.files(t), h.pages(t, p.Share)
	facts, err := h.upload(ctx, t, p.Share, files, pages)
	if errors.Is(err, stage.ErrNotWanted) || (err != nil && ctx.Err() != nil) {
		h.discard(ctx, t, slices.Concat(files, pages)...)
	}
	if err != nil {
		return nil, err
	}
	return facts, nil
}

// files are a task's outputs. Small ones come first: what is wrong with a bucket shows before the
// video has been copied.
func (h *handler) files(t *stage.Task) []file {
	key := t.RenderID.String() + "/" + t.TaskID.String()
	files := []file{
		{msg.ThumbnailSmall, "image/jpeg", h.cfg.ThumbnailBucket, key + "-small.jpg"},
		{msg.Thumbnail, "image/jpeg", h.cfg.ThumbnailBucket, key + ".jpg"},
	}
	if _, made := t.Inputs[msg.PreviewGIF]; made {
		files = append(files, file{msg.PreviewGIF, "image/gif", h.cfg.ThumbnailBucket, key + ".gif"})
	}
	if _, made := t.Inputs[msg.PreviewWebP]; made {
		files = append(files, file{msg.PreviewWebP, "image/webp", h.cfg.ThumbnailBucket, key + ".webp"})
	}
	return append(files, file{msg.Video, "video/mp4", h.cfg.VideoBucket, key + ".mp4"})
}

// Names of the files that the uploader makes itself.
const (
	sharePage     = "share"
	shareCaptions = "captions"
)

// pages are the files of the page for a task's video: its captions, if any, and the page.
func (h *handler) pages(t *stage.Task, p *msg.SharePage) (files []file) {
	if p == nil {
		return nil
	}
	key := t.RenderID.String() + "/" + t.TaskID.String()
	if len(p.Captions) > 0 {
		files = append(files, file{shareCaptions, "text/vtt; charset=utf-8", h.cfg.VideoBucket, key + ".vtt"})
	}
	return append(files, file{sharePage, "text/html; charset=utf-8", h.cfg.VideoBucket, key + ".html"})
}

func (h *handler) upload(ctx context.Context, t *stage.Task, shown *msg.SharePage, files, pages []file) (facts msg.UploadFacts, err error) {
	made, err := stage.Facts[msg.VideoFacts](t, msg.Video)
	if err != nil {
		return facts, err
	}
	if err := h.begin(ctx, t, slices.Concat(files, pages)...); err != nil {
		return facts, err
	}
	fault.Here(fault.CopiesRecorded)
	at, keys := urls{}, map[string]string{}
	for _, f := range files {
		var size int64
		if f.name == msg.Video {
			t.Progress(0.1)
			size = made.Bytes
		}
		if err := h.copy(ctx, t, f, size); err != nil {
			return facts, err
		}
		if at[f.name], err = h.url(ctx, f); err != nil {
			return facts, err
		}
		keys[f.name] = f.key
	}
	for _, f := range pages {
		if at[f.name], err = h.url(ctx, f); err != nil {
			return facts, err
		}
		if err := h.write(ctx, f, shown, at); err != nil {
			return facts, err
		}
		keys[f.name] = f.key
	}
	t.Progress(0.9)
	facts = msg.UploadFacts{
		VideoKey: keys[msg.Video], ThumbnailKey: keys[msg.Thumbnail], ThumbnailSmallKey: keys[msg.ThumbnailSmall],
		PreviewGIFKey: keys[msg.PreviewGIF], PreviewWebPKey: keys[msg.PreviewWebP],
		ShareKey: keys[sharePage], CaptionsKey: keys[shareCaptions],
	}
	return facts, h.finish(ctx, t, at, facts)
}

// begin records what is about to be copied. It returns stage.ErrNotWanted if the attempt came too
// late.
func (h *handler) begin(ctx context.Context, t *stage.Task, files ...file) error {
	var wanted bool
	err := h.inPostgres(ctx, func() (err error) {
		wanted, err = h.renders.begin(ctx, t.TaskID, t.Attempt, files)
		return err
	})
	if err == nil && !wanted {
		err = fmt.Errorf("begin the copies: %w", stage.ErrNotWanted)
	}
	return err
}

// copy copies one file to its bucket and checks that all of it is there. size is what the task that
// made the file measured, in bytes; 0 means unknown.
func (h *handler) copy(ctx context.Context, t *stage.Task, f file, size int64) (err error) {
	ctx, end := telemetry.Step(ctx, "copy "+f.name)
	defer func() { end(err) }()
	input, ok := t.Inputs[f.name]
	if !ok || input.Key == "" {
		return fmt.Errorf("store %s: the grant has no such input", f.name)
	}
	err = h.patiently(ctx, func() error {
		parts, from, err := h.parts(ctx, input)
		if err != nil {
			return err
		}
		if size > 0 && from != size {
			return retry.Permanent(fmt.Errorf("%s has %d bytes in the work bucket, and had %d when it was made", f.name, from, size))
		}
		how := store.Copying{ContentType: f.contentType, Public: h.cfg.PublicURLs != urlsPresigned}
		if len(parts) == 1 {
			err = h.store.Copy(ctx, h.cfg.WorkBucket, parts[0], f.bucket, f.key, how)
		} else {
			err = h.store.Join(ctx, h.cfg.WorkBucket, parts, f.bucket, f.key, how)
		}
		if err != nil {
			return err
		}
		to, err := h.store.Size(ctx, f.bucket, f.key)
		if err == nil {
			usage.From(ctx).AddOut(to) // the store has read and written it
		}
		if err == nil && to != from {
			err = fmt.Errorf("the copy of %s has %d of %d bytes", f.name, to, from)
		}
		return err
	})
	fault.Here(fault.FileCopied)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return h.explain(ctx, f, err)
}

// write stores one of the files that the uploader makes itself. The URLs of those before it are
// known.
func (h *handler) write(ctx context.Context, f file, p *msg.SharePage, at urls) error {
	body := share.WebVTT(p.Captions)
	if f.name == sharePage {
		var err error
		if body, err = h.page.Make(share.Video{
			Title: p.Title, Description: p.Description, PageURL: at[sharePage], VideoURL: at[msg.Video], ThumbURL: at[msg.Thumbnail],
			PreviewURL: at[msg.PreviewGIF], CaptionsURL: at[shareCaptions], Language: p.Language,
			Width: p.Width, Height: p.Height, Seconds: p.Rate.At(p.Frames).Seconds(),
		}); err != nil {
			return fmt.Errorf("make the page for the video: %w", err)
		}
	}
	err := h.patiently(ctx, func() error {
		return h.store.Publish(ctx, f.bucket, f.key, body, store.Copying{ContentType: f.contentType, Public: h.cfg.PublicURLs != urlsPresigned})
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	return h.explain(ctx, f, err)
}

// parts returns the keys of the objects that hold an input, and its size in bytes.
func (h *handler) parts(ctx context.Context, input msg.Input) (keys []string, size int64, err error) {
	for {
		key := msg.PartKey(input.Key, len(keys))
		n, err := h.store.Size(ctx, h.cfg.WorkBucket, key)
		if err != nil {
			return nil, 0, err
		}
		size += n
		if n > 0 || len(keys) == 0 { // an empty object only marks the end
			keys = append(keys, key)
		}
		if input.Bytes == 0 || n != input.Bytes {
			return keys, size, nil
		}
	}
}

// explain returns the task's error for an error of the store: permanent if a retry cannot help.
func (h *handler) explain(ctx context.Context, f file, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		// Some stores report a missing bucket as a missing object.
		err = errors.Join(err, h.store.Ping(ctx, h.cfg.WorkBucket))
	}
	switch {
	case errors.Is(err, store.ErrTooLarge):
		return stage.Permanent(msg.CodeStorageTooLarge, tooLargeMessage,
			fmt.Errorf("%w: raise the limit of bucket %s (Supabase: Storage > the bucket > Edit bucket, and Storage settings)", err, f.bucket))
	case errors.Is(err, store.ErrRefused):
		return stage.Permanent(msg.CodeStorageRefused, refusedMessage,
			fmt.Errorf("%w: bucket %s must take %s (Supabase: Storage > the bucket > Edit bucket, allowed MIME types)", err, f.bucket, f.contentType))
	case errors.Is(err, store.ErrNoBucket):
		err = fmt.Errorf("%w: create it (Supabase: Storage > New bucket) or name another: the buckets are %q (STORAGE_BUCKET_WORK),"+
			" %q (STORAGE_BUCKET_VIDEOS) and %q (STORAGE_BUCKET_THUMBNAILS)", err, h.cfg.WorkBucket, h.cfg.VideoBucket, h.cfg.ThumbnailBucket)
	}
	if errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrNoBucket) {
		return stage.Retryable(msg.CodeStorageMissing, storageMessage, err)
	}
	return stage.Retryable(msg.CodeStorage, storageMessage, err)
}

// url returns the URL of f for the app's users.
func (h *handler) url(ctx context.Context, f file) (string, error) {
	if h.cfg.PublicURLs == urlsPresigned {
		url, err := h.store.PresignGet(ctx, f.bucket, f.key, presigned)
		return string(url), err
	}
	return h.cfg.publicURL(f.bucket, f.key), nil
}

// finish closes the render with the files that are in place. It returns stage.ErrNotWanted if the
// attempt came too late.
func (h *handler) finish(ctx context.Context, t *stage.Task, at urls, facts msg.UploadFacts) error {
	data, err := json.Marshal(facts)
	if err != nil {
		return fmt.Errorf("write facts: %w", err)
	}
	var verdict string
	err = h.inPostgres(ctx, func() error {
		verdict, err = h.renders.finish(ctx, t.TaskID, t.Attempt, at, data)
		return err
	})
	if err != nil {
		return err
	}
	fault.Here(fault.RenderClosed)
	switch verdict {
	case accepted, already:
		return nil
	case stale:
		return fmt.Errorf("close the render: %w", stage.ErrNotWanted)
	}
	return fmt.Errorf("close the render: unknown verdict %q", verdict)
}

// discard deletes the copies of an attempt that came too late or was cancelled, if no attempt at
// the task needs them. All attempts write to the same keys, so the copies of a task that is done,
// due or running belong to the render. ingest sweeps what discard cannot delete, and what the store
// copies later: the copies were recorded before they were made.
func (h *handler) discard(ctx context.Context, t *stage.Task, files ...file) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	unwanted, err := h.renders.unwanted(ctx, t.TaskID)
	if err == nil && unwanted {
		for _, f := range files {
			err = errors.Join(err, h.store.Delete(ctx, f.bucket, f.key))
		}
	}
	if err != nil {
		t.Log.Warn().Err(err).Msg("copies of a render that was not done are left to the sweeper")
	}
}

// inPostgres retries step as patiently does. If the render's row stays locked for a few seconds, it
// hands the task back: the attempt has not failed, and other tasks wait for its slot. So it does if
// Postgres stays away.
func (h *handler) inPostgres(ctx context.Context, step func() error) error {
	began := time.Now()
	err := h.patiently(ctx, func() error {
		err := step()
		if postgres.Locked(err) && time.Since(began) > min(lockedPatience, h.patience) {
			return retry.Permanent(err)
		}
		return err
	})
	switch {
	case postgres.Locked(err):
		return fmt.Errorf("%w: somebody holds the render's row: %w", stage.ErrHandBack, err)
	case postgres.Unserved(err) && ctx.Err() == nil:
		return fmt.Errorf("%w: Postgres does not answer: %w", stage.ErrHandBack, err)
	}
	return err
}

// patiently retries step while its error may pass, for h.patience at most.
func (h *handler) patiently(ctx context.Context, step func() error) error {
	return retry.Backoff{First: 250 * time.Millisecond, Longest: 5 * time.Second}.Do(ctx, h.patience, func() error {
		err := step()
		if errors.Is(err, store.ErrNoBucket) || errors.Is(err, store.ErrNotFound) ||
			errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrRefused) {
			err = retry.Permanent(err)
		}
		return err
	})
}
