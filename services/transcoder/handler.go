package transcoder

import (
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// handler does the work of all four kinds.
type handler struct {
	tools    ffmpeg.Tools
	facecams facecam.Fetcher
	// threads is how many an encoder may use.
	threads int
}

// kinds returns the handler of each kind.
func (h handler) kinds() map[msg.Kind]stage.Handler {
	return map[msg.Kind]stage.Handler{
		msg.Probe:     stage.HandlerFunc(h.probe),
		msg.Normalize: stage.HandlerFunc(h.normalize),
		msg.Concat:    stage.HandlerFunc(h.concat),
		msg.Overlay:   stage.HandlerFunc(h.overlay),
	}
}

// path is a file of the task's folder.
func path(t *stage.Task, name string) string { return filepath.Join(t.Dir, name) }

// part returns a function that reports progress within a part of the task, from one fraction of it to another.
func part(t *stage.Task, from, to float64) func(fraction float64) {
	return func(fraction float64) { t.Progress(from + (to-from)*min(max(fraction, 0), 1)) }
}

// frames reports progress by frames written, within a part of the task.
func frames(t *stage.Task, total int, from, to float64) func(ffmpeg.Progress) {
	report := part(t, from, to)
	return func(p ffmpeg.Progress) { report(float64(p.Frame) / float64(max(1, total))) }
}
