package forecast

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
)

// owner is whose renders are.
type owner struct {
	name   string
	weight float64
	most   int // of its renders that may be in progress
	open   int
	busy   [stages]int
	served [stages]int
}

// bounds are what the installation can do at once.
type bounds struct {
	slots   [stages]int
	paused  func(t *task) bool
	renders int
	perHost int // 0: no bound
}

// simulation gives tasks to slots as ingest does: by priority; then owners take turns, those with
// the fewest tasks in work for their weight first; then their renders (services/ingest/schedule).
// Renders are started in the order of the queue, as many as may be (services/ingest/claim).
type simulation struct {
	bounds
	now    float64
	events events
	free   [stages]int
	hosts  map[string]int
	open   []*job
	queue  []*job
	served int
	steps  int
}

// most bounds the steps of a simulation.
const most = 200_000

// simulate sets when jobs begin and end, in seconds from now. Those that never end, because a stage
// is paused or has no worker, are not finished. queue is in its order.
func simulate(open, queue []*job, b bounds) {
	s := &simulation{bounds: b, free: b.slots, hosts: map[string]int{}, queue: slices.Clone(queue)}
	for _, j := range open {
		s.start(j)
	}
	s.admit()
	s.give()
	for len(s.events) > 0 && s.steps < most {
		s.now = s.events[0].at
		for len(s.events) > 0 && s.events[0].at <= s.now {
			e := heap.Pop(&s.events).(event)
			s.steps++
			if e.ends {
				s.finish(e.task)
			} else {
				s.met(e.task)
			}
		}
		s.admit()
		s.give()
	}
}

// start has a job's tasks begin that can.
func (s *simulation) start(j *job) {
	j.began, j.left = s.now, len(j.tasks)
	j.owner.open++
	s.open = append(s.open, j)
	if j.left == 0 {
		s.over(j)
		return
	}
	for _, t := range j.tasks {
		switch {
		case t.running:
			s.run(t)
		case t.needs == 0:
			s.release(t)
		}
	}
}

// admit starts queued jobs while there is room for their owners'.
func (s *simulation) admit() {
	for len(s.queue) > 0 && len(s.open) < 2*s.renders {
		next := slices.IndexFunc(s.queue, func(j *job) bool {
			o := j.owner
			return !j.aside && (o.open == 0 && o.most > 0 || o.open < o.most && len(s.open) < s.renders)
		})
		if next < 0 {
			return
		}
		j := s.queue[next]
		s.queue = slices.Delete(s.queue, next, next+1)
		s.start(j)
	}
}

// met notes that something is there that a task needs.
func (s *simulation) met(t *task) {
	if t.ended || t.running {
		return
	}
	if t.needs--; t.needs <= 0 {
		s.release(t)
	}
}

// release makes a task due.
func (s *simulation) release(t *task) {
	if t.later > 0 {
		later := t.later
		t.later, t.needs = 0, 1
		s.push(later, t, false)
		return
	}
	if s.paused(t) {
		return
	}
	of := stageOf(t.kind)
	if of == fetching {
		s.run(t)
		return
	}
	due := t.job.due[of]
	at, _ := slices.BinarySearchFunc(due, t, func(a, b *task) int { return cmp.Compare(a.place, b.place) })
	t.job.due[of] = slices.Insert(due, at, t)
}

// give gives due tasks to free slots.
func (s *simulation) give() {
	for of := range stages {
		for s.free[of] > 0 {
			t := s.next(of)
			if t == nil {
				break
			}
			j := t.job
			j.due[of] = slices.DeleteFunc(j.due[of], func(other *task) bool { return other == t })
			s.served++
			j.served[of], j.owner.served[of] = s.served, s.served
			s.run(t)
		}
	}
}

// next returns the task of a stage whose turn it is; nil when there is none.
func (s *simulation) next(of stage) (t *task) {
	for _, j := range s.open {
		if len(j.due[of]) == 0 || t != nil && !before(j, t.job, of) {
			continue
		}
		at := slices.IndexFunc(j.due[of], func(t *task) bool { return s.perHost <= 0 || t.host == "" || s.hosts[t.host] < s.perHost })
		if at >= 0 {
			t = j.due[of][at]
		}
	}
	return t
}

// before reports whether it is a's turn before b's.
func before(a, b *job, of stage) bool {
	return cmp.Or(
		cmp.Compare(b.priority, a.priority),
		cmp.Compare(float64(a.owner.busy[of])/a.owner.weight, float64(b.owner.busy[of])/b.owner.weight),
		cmp.Compare(a.owner.served[of], b.owner.served[of]),
		cmp.Compare(a.busy[of], b.busy[of]),
		cmp.Compare(a.served[of], b.served[of]),
	) < 0
}

// run has a worker do a task from now on.
func (s *simulation) run(t *task) {
	t.running = true
	if of := stageOf(t.kind); of != fetching {
		s.free[of]--
		t.job.busy[of]++
		t.job.owner.busy[of]++
	}
	if t.host != "" {
		s.hosts[t.host]++
	}
	for _, p := range t.pieces {
		s.push(p.after, p.task, false)
	}
	s.push(t.seconds, t, true)
}

// finish ends a task that runs, and those that wait to be done with it.
func (s *simulation) finish(t *task) {
	if t.running {
		if of := stageOf(t.kind); of != fetching {
			s.free[of]++
			t.job.busy[of]--
			t.job.owner.busy[of]--
		}
		if t.host != "" {
			s.hosts[t.host]--
		}
	}
	s.close(t)
}

// close notes that a task is done.
func (s *simulation) close(t *task) {
	if t.ended {
		return
	}
	t.ended = true
	for _, other := range t.feeds {
		s.met(other)
	}
	for _, other := range t.copies {
		for _, p := range other.pieces {
			s.met(p.task)
		}
		s.close(other)
	}
	if t.job.left--; t.job.left == 0 {
		s.over(t.job)
	}
}

// over ends a job.
func (s *simulation) over(j *job) {
	j.end, j.finished = s.now, true
	j.owner.open--
	s.open = slices.DeleteFunc(s.open, func(other *job) bool { return other == j })
}

func (s *simulation) push(after float64, t *task, ends bool) {
	if math.IsNaN(after) || after < 0 {
		after = 0
	}
	heap.Push(&s.events, event{at: s.now + after, order: s.steps + len(s.events), task: t, ends: ends})
}

// event is the end of a task, or that something is there which it needs.
type event struct {
	at    float64
	order int
	task  *task
	ends  bool
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(e[i].at, e[j].at), cmp.Compare(e[i].order, e[j].order)) < 0
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop implements heap.Interface.
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}
