package forecast

import (
	"testing"

	"github.com/google/uuid"
)

func TestWhyNothingCanBeSaidIsSaid(t *testing.T) {
	s := newSite(t)
	render := s.queue(2, 0)
	check := func(want string) {
		t.Helper()
		f, _ := s.of(render)
		if got := why(f); got != want {
			t.Errorf("it is %s, want %s", got, want)
		}
	}
	check("no_ingest")
	s.capacity(2, 0, 1, 4)
	check("no_worker transcode")
	s.capacity(2, 1, 1, 4)
	check("no_history")
	s.history(5, 0.02)
	if f, seconds := s.of(render); f.Position == nil || *f.Position != 0 || seconds <= 0 {
		t.Errorf("it is %+v, in %v s", f, seconds)
	}
	s.exec("select loom.pause_kinds('{concat}')")
	check("paused concat")
	s.exec("select loom.resume_kinds('{concat}')")
	s.exec("update loom.capacity set noted_at = now() - interval '2 minutes'")
	check("no_ingest")
}

func TestARenderThatIsNotThereHasNoForecast(t *testing.T) {
	s := newSite(t)
	s.capacity(1, 1, 1, 4)
	if f, _ := s.of(uuid.New()); f.ETA != nil || f.Position != nil {
		t.Errorf("it is %+v", f)
	}
	b, err := s.forecaster.Backlog(t.Context())
	if err != nil || b.ETA != nil || b.Queued+b.InProgress != 0 {
		t.Errorf("the backlog is %+v, %v", b, err)
	}
}

// Recording is all that takes time: 10 s at 30 frames a second and 0.1 s for each are 30 s.
func TestRendersEndOneAfterAnotherInTheOrderOfTheQueue(t *testing.T) {
	s := newSite(t)
	s.history(200, 0.1)
	s.capacity(2, 2, 2, 1)
	var list []uuid.UUID
	for range 4 {
		list = append(list, s.queue(2, 0))
	}
	list = append([]uuid.UUID{s.queue(2, 5)}, list...) // of a higher priority
	for i, render := range list {
		f, seconds := s.of(render)
		if want := 30 * float64(i+1); f.Position == nil || *f.Position != i || seconds < want*0.9 || seconds > want*1.15 {
			t.Errorf("render %d: %v in front, it ends in %.1f s, want about %.0f", i, f.Position, seconds, want)
		}
	}
	b, err := s.forecaster.Backlog(t.Context())
	if err != nil || b.Queued != 5 || b.ETA == nil || b.ETA.EstimatedEnd == nil {
		t.Fatalf("the backlog is %+v, %v", b, err)
	}
	if last := s.forecaster.last.jobs[list[4]]; !b.ETA.EstimatedEnd.Equal(*s.forecaster.last.time(last.end)) {
		t.Errorf("the backlog ends %v, and its last render after %v s", b.ETA.EstimatedEnd, last.end)
	}
	// Five at once share two recorders.
	s.capacity(2, 2, 2, 16)
	if _, seconds := s.of(list[0]); seconds < 27 || seconds > 35 {
		t.Errorf("the one of the highest priority ends in %.1f s", seconds)
	}
	if _, seconds := s.of(list[1]); seconds < 100 || seconds > 170 {
		t.Errorf("one of four that share two recorders ends in %.1f s", seconds)
	}
}
