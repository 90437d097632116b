package main

import (
	"sync"
	"time"

	"github.com/loom-lite/loom-lite/cmd/loom/progress"
	"github.com/loom-lite/loom-lite/cmd/loom/renders"
)

// soloView shows how a capture goes: as a render of two stages, the second of which begins during
// the first.
type soloView struct {
	mu     sync.Mutex
	view   progress.View
	frames int
	stages []renders.Stage
}

func newSoloView(a *app, frames int) *soloView {
	now := time.Now()
	return &soloView{view: progress.New(a.stderr, a.terminal), frames: frames, stages: []renders.Stage{
		{Status: "recording", Total: frames, StartedAt: &now}, {Status: "normalizing", Total: frames},
	}}
}

// recorded says how many frames have been recorded.
func (v *soloView) recorded(frames int) { v.update(0, float64(frames)/float64(v.frames)) }

// encoded says how much of the video has been encoded.
func (v *soloView) encoded(fraction float64) { v.update(1, fraction) }

// update moves a stage.
func (v *soloView) update(stage int, progress float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	s := &v.stages[stage]
	if s.StartedAt == nil {
		s.StartedAt = &now
	}
	s.Progress, s.Done = progress, int(progress*float64(s.Total))
	if progress >= 1 && s.EndedAt == nil {
		s.EndedAt = &now
	}
	earliest := v.stages[0]
	if earliest.EndedAt != nil {
		earliest = v.stages[1]
	}
	// Recording takes longer.
	percent := 75*v.stages[0].Progress + 25*v.stages[1].Progress
	v.view.Update(renders.Render{Status: earliest.Status, Progress: int(percent)}, append([]renders.Stage{}, v.stages...))
}

func (v *soloView) close() { v.view.Close() }
