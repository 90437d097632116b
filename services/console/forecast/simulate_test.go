package forecast

import (
	"math"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// even is a speed of a second for each task, and nothing for frames, but for recording: a second
// for each ten frames.
var even = speeds{kinds: map[msg.Kind]speed{
	msg.Record: {frame: 0.1}, msg.Probe: {fixed: 1}, msg.Draw: {fixed: 1}, msg.Normalize: {fixed: 1}, msg.Concat: {fixed: 1}, msg.Overlay: {fixed: 1},
	msg.Upload: {fixed: 1},
}, known: true}

// house makes owners.
type house map[string]*owner

func (h house) of(name string) *owner {
	if h[name] == nil {
		h[name] = &owner{name: name, weight: 1, most: 100}
	}
	return h[name]
}

func room(record, transcode, upload int) bounds {
	return bounds{slots: [stages]int{record, transcode, upload}, renders: 100, paused: func(*task) bool { return false }}
}

// scenes is a queued render of scenes of ten seconds at ten frames a second: each takes 10 s to
// record, and has five segments.
func scenes(n int, owner, host string) queued {
	q := queued{render: uuid.New(), owner: owner, rate: "10"}
	for range n {
		q.seconds, q.hosts = append(q.seconds, 10), append(q.hosts, host)
	}
	return q
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.5 {
		t.Errorf("%s ends after %.1f s, want %.1f", what, got, want)
	}
}

func TestARenderTakesAsLongAsItsLongestPath(t *testing.T) {
	j := waiting(scenes(2, "a", ""), even, house{}.of)
	simulate(nil, []*job{j}, room(2, 9, 1))
	// Both are recorded at once; the last segment is made after that, then joined and stored.
	near(t, "with a slot for each", j.end, 10+1+1+1)
	j = waiting(scenes(2, "a", ""), even, house{}.of)
	simulate(nil, []*job{j}, room(1, 9, 1))
	near(t, "with one to record", j.end, 20+1+1+1)
	facecam := scenes(2, "a", "")
	facecam.facecam = true
	j = waiting(facecam, even, house{}.of)
	simulate(nil, []*job{j}, room(2, 9, 1))
	near(t, "with a facecam", j.end, 10+1+1+1+1)
	j = waiting(scenes(2, "a", ""), even, house{}.of)
	simulate(nil, []*job{j}, room(2, 0, 1))
	if j.finished {
		t.Error("it ends though nobody transcodes")
	}
}

func TestUsersTakeTurnsAndPrioritiesComeFirst(t *testing.T) {
	h := house{}
	var backlog []*job
	for range 8 {
		backlog = append(backlog, waiting(scenes(1, "many", ""), even, h.of))
	}
	one := waiting(scenes(1, "one", ""), even, h.of)
	simulate(nil, append(backlog, one), room(1, 9, 9))
	near(t, "the other user's", one.end, 20+3)
	urgent := waiting(scenes(1, "many", ""), even, h.of)
	urgent.priority = 5
	again := []*job{waiting(scenes(1, "many", ""), even, house{}.of), urgent}
	simulate(nil, again, room(1, 9, 9))
	near(t, "the urgent one", urgent.end, 10+3)
}

func TestAsManyRendersAreStartedAsMayBe(t *testing.T) {
	h := house{}
	var list []*job
	for range 3 {
		list = append(list, waiting(scenes(1, "a", ""), even, h.of))
	}
	b := room(9, 9, 9)
	b.renders = 1
	simulate(nil, list, b)
	near(t, "the third", list[2].end, 3*13)
	// An owner who has none in progress may have one beyond that.
	h = house{}
	list = []*job{waiting(scenes(1, "a", ""), even, h.of), waiting(scenes(1, "b", ""), even, h.of)}
	simulate(nil, list, b)
	near(t, "another owner's", list[1].end, 13)
	h = house{}
	list = []*job{waiting(scenes(1, "a", ""), even, h.of), waiting(scenes(1, "a", ""), even, h.of)}
	h.of("a").most = 1
	simulate(nil, list, room(9, 9, 9))
	near(t, "the second of an owner who may have one", list[1].end, 26)
}

func TestPagesOfAHostAreRecordedFewAtOnce(t *testing.T) {
	j := waiting(scenes(3, "a", "slow.example"), even, house{}.of)
	b := room(9, 9, 9)
	b.perHost = 1
	simulate(nil, []*job{j}, b)
	near(t, "one page after another", j.end, 33)
}

// progress is a render in progress: a scene that is half recorded, of which the first segment is
// made.
func progress(elapsed, done float64) []row {
	id := uuid.New()
	task := func(kind msg.Kind, frames float64, state string) row {
		return row{render: id, task: uuid.New(), owner: "a", kind: kind, scene: 1, frames: frames, state: state}
	}
	record := task(msg.Record, 100, "running")
	record.elapsed, record.progress = &elapsed, done
	return []row{record, task(msg.Normalize, 50, "done"), task(msg.Normalize, 50, "waiting"), task(msg.Concat, 100, "waiting"), task(msg.Upload, 0, "waiting")}
}

func TestWhatRunsCountsByItsOwnProgress(t *testing.T) {
	list := opened(progress(5, 0.5), even, house{}.of)
	simulate(list, nil, room(1, 1, 1))
	if end := list[0].end; end < 5 || end > 9 {
		t.Errorf("half of 10 s, and 3 s more: it ends after %.1f s", end)
	}
	slow := opened(progress(50, 0.5), even, house{}.of)
	simulate(slow, nil, room(1, 1, 1))
	if end := slow[0].end; end < 30 {
		t.Errorf("it took 50 s for a half: it ends after %.1f s", end)
	}
}

// The other render's page is not recorded again: it takes no slot.
func TestWhatAnotherRenderMakesIsWaitedFor(t *testing.T) {
	maker, follower := progress(5, 0.5), progress(0, 0)
	follower[0].state, follower[0].elapsed, follower[0].maker = "waiting", nil, &maker[0].task
	follower[1].state = "waiting"
	list := opened(append(maker, follower...), even, house{}.of)
	simulate(list, nil, room(1, 4, 4))
	if !list[1].finished || list[1].end > list[0].end+3 {
		t.Errorf("one ends after %.1f s, the one that uses the same after %.1f", list[0].end, list[1].end)
	}
}

// Campaigns are strangers': whatever they say, a forecast ends.
func TestNoCampaignMakesAForecastLong(t *testing.T) {
	for _, seconds := range []float64{math.NaN(), math.Inf(1), -1, 0, 1e300} {
		q := queued{render: uuid.New(), owner: "a", rate: "1000/1", seconds: []float64{seconds}, hosts: []string{""}}
		j := waiting(q, even, house{}.of)
		simulate(nil, []*job{j}, room(1, 1, 1))
		if len(j.tasks) > 5000 || math.IsNaN(j.end) {
			t.Errorf("%v seconds are %d tasks, and end after %v", seconds, len(j.tasks), j.end)
		}
	}
	for _, rate := range []string{"", "x", "0", "1/0", "-5", "1e9"} {
		waiting(queued{rate: rate, seconds: []float64{5}, hosts: []string{""}}, even, house{}.of)
	}
}
