package forecast

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// stage is whose slots a task takes.
type stage int

const (
	recording stage = iota
	transcoding
	uploading
	stages
	// fetching takes no slot.
	fetching
)

func stageOf(kind msg.Kind) stage {
	switch {
	case kind.Fetches():
		return fetching
	case kind == msg.Record:
		return recording
	case kind == msg.Upload:
		return uploading
	}
	return transcoding
}

// stageNames are those of loom.capacity.
var stageNames = [stages]string{msg.ConsumerRecord, msg.ConsumerTranscode, msg.ConsumerUpload}

// task is a task that is not done.
type task struct {
	job     *job
	kind    msg.Kind
	place   int // among its job's tasks
	host    string
	seconds float64 // that it takes from when it is given to a worker, or from now if it runs
	running bool
	later   float64 // seconds until it may be given to a worker
	// needs is how many tasks, or pieces, have to be there first.
	needs int
	// feeds wait for its end, and pieces for parts of it.
	feeds  []*task
	pieces []piece
	// copies are done when it is.
	copies []*task
	ended  bool
}

// piece is a task that waits for a part of another one: for the seconds after that one begins, or
// after now if it runs.
type piece struct {
	task  *task
	after float64
}

// job is a render that has not ended.
type job struct {
	render   uuid.UUID
	owner    *owner
	priority int
	tasks    []*task

	place    int // in the queue; -1: it is in progress
	aside    bool
	left     int // tasks
	due      [stages][]*task
	busy     [stages]int
	served   [stages]int
	began    float64
	end      float64
	finished bool
}

// row is a row of loom.open_work.
type row struct {
	render, task uuid.UUID
	owner        string
	priority     int
	kind         msg.Kind
	scene        int
	frames       float64
	host, state  string
	progress     float64
	elapsed      *float64
	later        float64
	maker        *uuid.UUID
	// page is how long its page takes, in proportion to others; 0: nobody knows.
	page float64
}

// expected is how long the task takes from when a worker begins with it, as a whole or a part of
// its frames.
func (r row) expected(s speeds, part float64) float64 {
	return cmp.Or(r.page, 1) * s.kinds[r.kind].seconds(part*r.frames)
}

// queued is a row of loom.queued_work.
type queued struct {
	render   uuid.UUID
	place    int
	owner    string
	priority int
	rate     string
	seconds  []float64
	hosts    []string
	facecam  bool
	aside    bool
	// pages are as page of row, by scene.
	pages []float64
}

// hop is how long a task that is due waits for a slot that is free, in seconds.
const hop = 0.04

// opened makes the jobs of renders in progress. Rows are in order.
func opened(rows []row, s speeds, owners func(string) *owner) (jobs []*job) {
	byID, makers := map[uuid.UUID]*task{}, map[uuid.UUID][]*task{}
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r row) bool { return r.render != rows[0].render })
		if n < 0 {
			n = len(rows)
		}
		own := rows[:n]
		rows = rows[n:]
		j := &job{render: own[0].render, owner: owners(own[0].owner), priority: own[0].priority, place: -1}
		pace := paces(own, s)
		tasks := make([]*task, n)
		for i, r := range own {
			if r.state == "done" {
				continue
			}
			t := &task{job: j, kind: r.kind, place: i, host: r.host, later: r.later, seconds: hop + pace[r.kind]*r.expected(s, 1)}
			if r.state == "running" && r.elapsed != nil {
				t.running = true
				t.seconds = remaining(t.seconds, pace[r.kind]*r.expected(s, 0), *r.elapsed, r.progress)
			}
			tasks[i] = t
			j.tasks = append(j.tasks, t)
			byID[r.task] = t
			if r.maker != nil && r.state == "waiting" {
				makers[*r.maker] = append(makers[*r.maker], t)
			}
		}
		join(own, tasks)
		jobs = append(jobs, j)
	}
	for id, copies := range makers {
		if maker := byID[id]; maker != nil {
			for _, t := range copies {
				t.needs++ // it has no other way
				maker.copies = append(maker.copies, t)
			}
		}
	}
	return jobs
}

// paces are how much longer a render's tasks take than those of others, by kind, as far as is
// known: tasks that are done, and what those that run have done. Its pages may be slow ones.
func paces(own []row, s speeds) map[msg.Kind]float64 {
	took, expected := map[msg.Kind]float64{}, map[msg.Kind]float64{}
	tasks := map[msg.Kind]float64{}
	for _, r := range own {
		if r.elapsed == nil {
			continue
		}
		part := 1.0
		if r.state == "running" {
			if part = r.progress; part < 0.1 {
				continue
			}
		}
		took[r.kind] += *r.elapsed
		expected[r.kind] += r.expected(s, part) // what is fixed comes first
		tasks[r.kind] += part
	}
	pace := map[msg.Kind]float64{}
	for kind := range first {
		pace[kind] = 1
		if tasks[kind] > 0 && expected[kind] > 0 {
			// As if one task more had been as fast as all are.
			each := expected[kind] / tasks[kind]
			pace[kind] = (took[kind] + each) / (expected[kind] + each)
		}
	}
	return pace
}

// stale is how old a task's progress is, in seconds: on average half of what passes between two
// heartbeats.
const stale = 1.5

// remaining is how long a task will go on that was expected to take so long, fixed of it before it
// makes any progress, and has come so far in elapsed seconds. The further it is, the more its own
// progress counts.
func remaining(expected, fixed, elapsed, progress float64) float64 {
	left := max(expected-elapsed, 0.1*expected)
	if progress > 0.02 && progress < 1 {
		own := max(elapsed-stale-fixed, 0.3*elapsed) * (1 - progress) / progress
		trust := 1 - (1-progress)*(1-progress)
		left = (1-trust)*left + trust*own
	}
	return left
}

// join sets which tasks of a render wait for which. tasks are nil where they are done.
func join(own []row, tasks []*task) {
	records, total := map[int]int{}, map[int]float64{}
	var fetches, segments []*task
	var joined *task
	for i, r := range own {
		switch r.kind {
		case msg.Record:
			records[r.scene] = i
		case msg.Probe, msg.Draw:
			if tasks[i] != nil {
				fetches = append(fetches, tasks[i])
			}
		case msg.Normalize:
			total[r.scene] += r.frames
		}
	}
	come := map[int]float64{}
	for i, r := range own {
		t := tasks[i]
		if r.kind == msg.Normalize {
			come[r.scene] += r.frames
			if t == nil {
				continue
			}
			segments = append(segments, t)
			if r.state != "waiting" {
				continue // what it needs is there
			}
			for _, f := range fetches {
				f.feed(t)
			}
			if at, found := records[r.scene]; found && tasks[at] != nil {
				tasks[at].feedPart(t, come[r.scene]/total[r.scene], own[at].progress)
			}
		}
	}
	for i, r := range own {
		t := tasks[i]
		if t == nil {
			continue
		}
		switch r.kind {
		case msg.Concat:
			for _, s := range segments {
				s.feed(t)
			}
			joined = t
		case msg.Overlay:
			if joined != nil {
				joined.feed(t)
			}
			joined = t
		case msg.Upload:
			if joined != nil {
				joined.feed(t)
			}
		}
	}
}

func (t *task) feed(other *task) {
	other.needs++
	t.feeds = append(t.feeds, other)
}

// feedPart has other wait for a part of t, of which progress is done if it runs.
func (t *task) feedPart(other *task, part, progress float64) {
	other.needs++
	after := part * t.seconds
	if t.running {
		after = max(0, part-progress) / max(1-progress, 0.01) * t.seconds
	}
	t.pieces = append(t.pieces, piece{other, min(after, t.seconds)})
}

// waiting makes the job of a queued render, as ingest will plan it or nearly so.
func waiting(q queued, s speeds, owners func(string) *owner) *job {
	rate, err := msg.ParseRate(strings.TrimSpace(q.rate))
	if err != nil {
		rate = msg.FPS(60)
	}
	var records, segments []row
	total := 0.0
	for i, seconds := range q.seconds {
		if !(seconds > 0) {
			seconds = 0
		}
		frames := math.Round(min(seconds, longest) * rate.Float())
		total += frames
		record := row{kind: msg.Record, scene: i + 1, frames: frames, host: q.hosts[i]}
		if q.pages != nil {
			record.page = q.pages[i]
		}
		records = append(records, record)
		for _, piece := range pieces(frames, float64(rate.GOP())) {
			segments = append(segments, row{kind: msg.Normalize, scene: i + 1, frames: piece, state: "waiting"})
		}
	}
	own := records
	if q.facecam {
		own = append(own, row{kind: msg.Probe})
	}
	own = append(append(own, segments...), row{kind: msg.Concat, frames: total})
	if q.facecam {
		own = append(own, row{kind: msg.Overlay, frames: total})
	}
	own = append(own, row{kind: msg.Upload, frames: total})
	j := &job{render: q.render, owner: owners(q.owner), priority: q.priority, place: q.place, aside: q.aside}
	for i, r := range own {
		j.tasks = append(j.tasks, &task{job: j, kind: r.kind, place: i, host: r.host, seconds: hop + r.expected(s, 1)})
	}
	join(own, j.tasks)
	return j
}

// longest bounds a scene, in seconds: what is longer is refused, or is no number.
const longest = 3600

// pieces are how a scene is cut, nearly: package plan of ingest has the rules.
func pieces(frames, gop float64) (list []float64) {
	each := gop * max(1, min(5, math.Ceil(math.Ceil(frames/gop)/16)))
	for ; frames >= each+gop/2; frames -= each {
		list = append(list, each)
	}
	return append(list, frames)
}
