package transcoder

import (
	"context"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fetch"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// handler does the work of all five kinds.
type handler struct {
	tools                ffmpeg.Tools
	facecams, watermarks fetch.Fetcher
	// measured has room for as many as measure a facecam at once, when they have fetched it. Nil:
	// there is no bound.
	measured chan struct{}
	// kept are facecams that were fetched from the store.
	kept *fetch.Kept
	// pictures are the bubble's.
	pictures *bubble.Pictures
	// threads is how many an encoder may use.
	threads int
}

// fetchFacecam fetches the facecam from the store, if this process does not have it yet.
func (h handler) fetchFacecam(ctx context.Context, t *stage.Task) error {
	file := path(t, fileFacecam)
	return h.kept.Get(ctx, t.Inputs[msg.FacecamFile].Key, file, func() error { return t.Fetch(ctx, msg.FacecamFile, file) })
}

// inspectFacecam reads the headers of the facecam that was fetched from the store.
func (h handler) inspectFacecam(ctx context.Context, t *stage.Task) (ffmpeg.File, error) {
	file, err := h.kept.Inspect(t.Inputs[msg.FacecamFile].Key, func() (ffmpeg.File, error) {
		return h.tools.Within(inspecting).Inspect(ctx, t.Dir, fileFacecam, ffmpeg.Containers)
	})
	if err != nil {
		return ffmpeg.File{}, h.refuse(err, whatItIs(path(t, fileFacecam)))
	}
	return file, nil
}

// path is a file of the task's folder.
func path(t *stage.Task, name string) string { return filepath.Join(t.Dir, name) }

// part returns a function that reports progress within a part of the task, from one fraction of it
// to another.
func part(t *stage.Task, from, to float64) func(fraction float64) {
	return func(fraction float64) { t.Progress(from + (to-from)*min(max(fraction, 0), 1)) }
}

// frames reports progress by frames written, within a part of the task.
func frames(t *stage.Task, total int, from, to float64) func(ffmpeg.Progress) {
	report := part(t, from, to)
	return func(p ffmpeg.Progress) { report(float64(p.Frame) / float64(max(1, total))) }
}
