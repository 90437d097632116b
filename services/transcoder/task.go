package transcoder

import (
	"context"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/encode"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// path returns the path of a file in the task's folder.
func path(task *stage.Task, name string) string { return filepath.Join(task.Dir, name) }

// part returns a function that reports progress within a part of the task, from one fraction of it
// to another.
func part(task *stage.Task, from, to float64) func(fraction float64) {
	return func(fraction float64) { task.Progress(from + (to-from)*min(max(fraction, 0), 1)) }
}

// frames returns a function that reports progress by frames written, within a part of the task.
func frames(task *stage.Task, total int, from, to float64) func(ffmpeg.Progress) {
	report := part(task, from, to)
	return func(p ffmpeg.Progress) { report(float64(p.Frame) / float64(max(1, total))) }
}

// encoder returns an encoder that works in the task's folder.
func (t *Transcoder) encoder(task *stage.Task) encode.Encoder {
	return encode.Encoder{Tools: t.tools, Log: task.Log, Dir: task.Dir, Threads: t.threads}
}

// openFacecam fetches the facecam from the store, unless this process has it, and reads its
// headers.
func (t *Transcoder) openFacecam(ctx context.Context, task *stage.Task) (ffmpeg.File, error) {
	file, key := path(task, facecam.File), task.Inputs[msg.FacecamFile].Key
	if err := t.cache.Get(ctx, key, file, func() error { return task.Fetch(ctx, msg.FacecamFile, file) }); err != nil {
		return ffmpeg.File{}, err
	}
	return t.cache.Inspect(key, func() (ffmpeg.File, error) { return facecam.Inspect(ctx, t.tools, task.Dir) })
}
