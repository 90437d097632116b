package measure

import (
	"strings"
	"testing"
	"time"
)

func TestSpeedsAreOfAllScenesTogether(t *testing.T) {
	r := Result{Scenes: []Scene{
		{Frames: 101, Distinct: 101, Bytes: 10, First: 2 * time.Second, Finished: 10 * time.Second, Done: 11 * time.Second},
		{Frames: 101, Distinct: 1, Bytes: 20, First: 1 * time.Second, Finished: 11 * time.Second, Done: 20200 * time.Millisecond},
	}}
	// The first frame of each is where its time begins.
	if got := r.CaptureFPS(); got != 20 {
		t.Errorf("while capturing %v frames a second, want 200 in 10 s", got)
	}
	if got := r.WholeFPS(); got != 10 {
		t.Errorf("%v frames a second in all, want 202 in 20.2 s", got)
	}
	if r.Frames() != 202 || r.Distinct() != 102 || r.Bytes() != 30 {
		t.Errorf("sums are %d, %d, %d", r.Frames(), r.Distinct(), r.Bytes())
	}
	var none Result
	if none.CaptureFPS() != 0 || none.WholeFPS() != 0 {
		t.Error("nothing has a speed")
	}
}

func TestJobsThatCannotBeAreRefused(t *testing.T) {
	good := Job{Tool: Ours, Width: 1920, Height: 1080, FPS: 60, Frames: 120, Scenes: 1}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Job){
		"there is no tool": func(j *Job) { j.Tool = "camera" },
		"0 scenes":         func(j *Job) { j.Scenes = 0 },
		"two at least":     func(j *Job) { j.Frames = 1 },
		"1920×1080":        func(j *Job) { j.Tool, j.Width = Peer, 320 },
	} {
		job := good
		change(&job)
		if err := job.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}
