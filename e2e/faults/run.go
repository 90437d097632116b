package faults

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/child"
)

const (
	// lease is TASK_LEASE: short, so that runs wait less. On a busy machine it also lapses at a
	// worker that nothing harms, so it is only for faults whose tasks may fail often. longLease has
	// room for a short outage and for reconnecting after it, on a busy machine too.
	lease     = 3 * time.Second
	longLease = 20 * time.Second
	// stuckAfter is how long nothing may change although renders have not ended.
	stuckAfter = 75 * time.Second
	// stuckMedia is that where a page may take as long as pages may.
	stuckMedia = 4 * time.Minute
	// retention is WORK_RETENTION: time for workers to stop, and for the store to end what they
	// asked it for, before the objects of a render are deleted.
	retention = 3 * time.Second
	// runWithin bounds a run, and endWithin what renders may take when no harm is done any more.
	runWithin = 2 * time.Hour
	endWithin = 15 * time.Minute
	// quietWithin bounds how long sweeping and forgetting may take after the last render's end.
	quietWithin = time.Minute
)

// Fault is one way to break the system.
type Fault struct {
	// Name is for -run, What for people.
	Name, What string
	// Ingests, … are how many replicas there are; 0 is one.
	Ingests, Recorders, Transcoders, Uploaders int
	// Consoles is how many replicas of the console there are; 0 is none.
	Consoles int
	// Env are settings of all services.
	Env map[string]string
	// Retries is WORKER_MAX_RETRIES.
	Retries int
	// Unharmed: no worker is killed, stopped or cut off, so nothing may be charged or done twice.
	Unharmed bool
	// Uncharged: nothing may be charged, though work may be done again.
	Uncharged bool
	// Unheard: an attempt may be granted to nobody, and charged. That is so when a request is
	// delivered again after its worker was told to ask later.
	Unheard bool
	// EventsLost: NATS loses what it has, events included.
	EventsLost bool
	// Media: the real recorder and transcoder make real videos.
	Media bool
	// Short is the scale at which the fault is part of make test; 0: it is not.
	Short float64
	// Skewed: there are programs whose clock can be moved.
	Skewed bool
	// Earlier: the run begins with the release before, on the schema of that.
	Earlier bool
	// MovedPostgres: Postgres's clock can be moved.
	MovedPostgres bool
	// Cluster: NATS is three servers, and each stream has three replicas.
	Cluster bool
	// Check, if it is not nil, checks what the fault is about, beside what is always checked.
	Check func(context.Context, *Run) error
	// Do lets renders go through the system and does the harm. What it leaves broken is healed.
	Do func(context.Context, *Run) error
}

// Run is a fault and a seed.
type Run struct {
	*system
	fault Fault
	rng   *rand.Rand
	// scale is what the fault's times and numbers are multiplied by.
	scale    float64
	bin, dir string
	replicas []*replica
	// memory is what others had in shared memory before.
	memory []string
	// began is the database's time at the start.
	began time.Time

	// begun, failed and spans are what the workers' journal says at the end: see attempts.
	begun  map[attempt]int
	failed map[uuid.UUID]int
	spans  map[attempt]span
	pulse  pulse

	// changed is how many changes there were, and when that was seen first.
	changed struct {
		n  int64
		at time.Time
	}

	// beside are the goroutines that end when the fault's context does.
	beside sync.WaitGroup

	mu       sync.Mutex
	renders  []*render
	counts   map[string]int
	took     map[string]time.Duration
	stuck    bool
	findings []Finding
}

// newRun makes a run whose files are in dir.
func newRun(s *system, f Fault, seed uint64, scale float64, bin, dir string) *Run {
	name := fnv.New64()
	_, _ = name.Write([]byte(f.Name))
	r := &Run{
		system: s, fault: f, rng: rand.New(rand.NewPCG(seed, name.Sum64())), scale: scale, bin: bin, dir: dir, counts: map[string]int{},
		took: map[string]time.Duration{},
	}
	r.changed.at = time.Now()
	return r
}

// count notes harm that was done.
func (r *Run) count(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += n
}

// longest notes how long something took, if it never took longer.
func (r *Run) longest(what string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took[what] = max(r.took[what], d)
}

// times returns n, scaled, and at least 1.
func (r *Run) times(n int) int { return max(1, int(float64(n)*r.scale+0.5)) }

// lasting returns d, scaled, and at least least.
func (r *Run) lasting(d, least time.Duration) time.Duration {
	return max(least, time.Duration(float64(d)*r.scale))
}

// between returns a random time.
func (r *Run) between(least, most time.Duration) time.Duration {
	return least + time.Duration(r.rng.Int64N(int64(most-least)+1))
}

// lease is TASK_LEASE.
func (f Fault) lease() time.Duration {
	if f.Unharmed || f.Uncharged || f.Retries < endless {
		return longLease
	}
	return lease
}

// another returns a generator of random numbers, for another goroutine.
func (r *Run) another() *rand.Rand { return rand.New(rand.NewPCG(r.rng.Uint64(), r.rng.Uint64())) }

// whileOpen calls harm again and again until all renders have ended, or are stuck.
func (r *Run) whileOpen(ctx context.Context, harm func() error) error {
	for {
		if ctx.Err() != nil {
			return fmt.Errorf("renders have not ended: %w", context.Cause(ctx))
		}
		n, err := r.open(ctx)
		if n == 0 || err != nil {
			return err
		}
		if moves, err := r.moves(ctx); err != nil || !moves {
			return err
		}
		if err := harm(); err != nil {
			return err
		}
	}
}

// execute does all of a run and returns what it found.
func (r *Run) execute(ctx context.Context) []Finding {
	before, err := child.Descendants(os.Getpid())
	if err == nil {
		r.memory, err = sharedMemory()
	}
	if err == nil {
		err = r.db.QueryRow(ctx, "select clock_timestamp()").Scan(&r.began)
	}
	if err == nil {
		// Workers of other runs have the same names, and may have to rest.
		_, err = r.db.Exec(ctx, "delete from loom.workers")
	}
	if err == nil {
		defer r.takePulse(ctx)()
		err = r.startAll(ctx)
	}
	if err == nil {
		err = r.do(ctx)
	}
	if err != nil {
		r.found(Broken, "%v", err)
	}
	if len(r.renders) == 0 {
		r.found(Broken, "no render was queued")
	}
	if err := r.heal(ctx); err != nil {
		r.found(Broken, "heal: %v", err)
	}
	for _, wait := range []func(context.Context) error{r.awaitEnds, r.awaitQuiet, r.stopAll, r.check} {
		if err := wait(ctx); err != nil {
			r.found(Broken, "%v", err)
		}
	}
	if r.fault.Check != nil {
		if err := r.fault.Check(ctx, r); err != nil {
			r.found(Broken, "%v", err)
		}
	}
	r.checkProcesses(before)
	return r.findings
}

// takePulse takes the pulse until the function that it returns is called.
func (r *Run) takePulse(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var taking sync.WaitGroup
	taking.Go(func() { r.pulse.run(ctx, r.db) })
	return func() {
		cancel()
		taking.Wait()
	}
}

// do does the harm. What the fault began beside it has ended when do returns, also with an error:
// a feed that went on would keep renders open for ever.
func (r *Run) do(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	err := r.fault.Do(ctx, r)
	cancel()
	r.beside.Wait()
	return err
}

// startAll starts the replicas that the fault asks for.
func (r *Run) startAll(ctx context.Context) error {
	for _, s := range []struct {
		kind string
		n    int
	}{{"ingest", r.fault.Ingests}, {"recorder", r.fault.Recorders}, {"transcoder", r.fault.Transcoders}, {"uploader", r.fault.Uploaders}} {
		if err := r.startSome(ctx, s.kind, max(s.n, 1)); err != nil {
			return err
		}
	}
	if err := r.startSome(ctx, "console", r.fault.Consoles); err != nil {
		return err
	}
	for _, p := range r.replicas {
		if err := p.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startSome starts n replicas of a service.
func (r *Run) startSome(ctx context.Context, kind string, n int) error {
	for range n {
		p, err := r.newReplica(kind)
		if err == nil {
			err = p.start(ctx, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// of returns the replicas of a service.
func (r *Run) of(kind string) []*replica {
	var list []*replica
	for _, p := range r.replicas {
		if p.kind == kind {
			list = append(list, p)
		}
	}
	return list
}

// heal ends all harm: every server answers, every service runs, and no stage is paused.
func (r *Run) heal(ctx context.Context) error {
	r.objects.heal()
	err := r.resume(ctx)
	for _, n := range r.brokers() {
		for _, l := range n.routes {
			if l != nil {
				err = errors.Join(err, l.heal(ctx))
			}
		}
		if n.process.State() != nil {
			err = errors.Join(err, n.start(ctx))
		}
	}
	for _, p := range r.replicas {
		err = errors.Join(err, p.heal(ctx))
		if p.ended() {
			err = errors.Join(err, p.start(ctx, nil))
		}
	}
	return err
}

// moves reports whether something has changed lately.
func (r *Run) moves(ctx context.Context) (bool, error) {
	now, err := r.changes(ctx)
	if now != r.changed.n {
		r.changed.n, r.changed.at = now, time.Now()
	}
	most := stuckAfter
	if r.fault.Media {
		most = stuckMedia
	}
	return time.Since(r.changed.at) < most, err
}

// awaitEnds waits until all renders and jobs have ended, or nothing changes any more.
func (r *Run) awaitEnds(ctx context.Context) error {
	for deadline := time.Now().Add(endWithin); ; {
		type open struct{ What string }
		list, err := query[open](ctx, r, `
			select 'render ' || id || ' is ' || status from renders where status not in ('done', 'failed', 'cancelled')
			union all select 'a job of render ' || render_id || ' is ' || state from render_jobs
			 where state not in ('completed', 'failed', 'cancelled')`)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		moves, err := r.moves(ctx)
		if err != nil {
			return err
		}
		if !moves || time.Now().After(deadline) {
			r.stuck = true
			for _, o := range list {
				r.found(Stuck, "%s", o.What)
			}
			return nil
		}
		if !pause(ctx, 100*time.Millisecond) {
			return fmt.Errorf("%d have not ended, first: %s: %w", len(list), list[0].What, context.Cause(ctx))
		}
	}
}

// leftovers are rows that mean that something is still to be done.
const leftovers = `
	select 'the copies of task ' || task_id || ' are still to be deleted' from loom.copies where deleted_at is null
	union all select 'the objects of render ' || render_id || ', which was deleted, are still to be deleted' from loom.leftovers
	union all select 'the objects of plan ' || id || ' are still to be deleted' from loom.plans where swept_at is null and ended_at is not null
	union all select 'job ' || job_id || ' is set aside' from loom.set_aside where job_id is not null`

// awaitQuiet waits until nothing is left that belongs to a render which has ended.
func (r *Run) awaitQuiet(ctx context.Context) error {
	if r.stuck {
		return nil
	}
	var left []string
	for deadline := time.Now().Add(quietWithin); time.Now().Before(deadline); {
		type row struct{ What string }
		rows, err := query[row](ctx, r, leftovers)
		if err != nil {
			return err
		}
		left = nil
		for _, row := range rows {
			left = append(left, row.What)
		}
		messages, err := r.waiting(ctx)
		for stream, n := range messages {
			left = append(left, fmt.Sprintf("stream %s holds %d messages", stream, n))
		}
		if err != nil {
			left = append(left, err.Error())
		}
		objects, err := files(r.bucket("loom-work"))
		if err != nil {
			return err
		}
		late := 0
		for _, key := range objects {
			if strings.HasPrefix(key, "loom-database/") {
				continue // it says whose the bucket is
			}
			if strings.HasPrefix(key, "loom-probe/") {
				continue // an uploader that starts an hour later deletes it
			}
			orphan, err := r.orphan(ctx, key)
			if err != nil {
				return err
			}
			if orphan {
				late++
				continue
			}
			left = append(left, "the work bucket has "+key)
		}
		if len(left) == 0 {
			if late > 0 {
				r.count("objects stored late, which maintenance deletes", late)
			}
			return nil
		}
		if !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("%d are left, first: %s: %w", len(left), left[0], context.Cause(ctx))
		}
	}
	for _, what := range left[:min(len(left), 10)] {
		r.found(Left, "%s", what)
	}
	return nil
}

// orphan reports whether an object was stored after its render's objects were to be deleted, and
// maintenance will delete it: a worker, or the store, may have been stopped while it did that.
// Where nobody was harmed or told to stop there is no such object.
func (r *Run) orphan(ctx context.Context, key string) (bool, error) {
	parts := strings.Split(key, "/")
	if r.fault.Unharmed || len(parts) < 3 || uuid.Validate(parts[0]) != nil || uuid.Validate(parts[1]) != nil {
		return false, nil
	}
	info, err := os.Stat(filepath.Join(r.bucket("loom-work"), key))
	if errors.Is(err, os.ErrNotExist) {
		return true, nil // it is deleted by now
	}
	if err != nil {
		return false, err
	}
	var orphan bool
	err = r.db.QueryRow(ctx, `select not loom.needs_objects($1::text::uuid, $2::text::uuid)
		and $3::timestamptz > coalesce((select max(ended_at) from loom.plans where render_id = $1::text::uuid),
		(select max(at) from faults.renders_seen where render_id = $1::text::uuid)) + make_interval(secs => $4::float8)`,
		parts[0], parts[1], info.ModTime(), retention.Seconds()).Scan(&orphan)
	if err != nil {
		return false, fmt.Errorf("ask whether object %s is needed: %w", key, err)
	}
	return orphan, nil
}

// stopAll stops the services, and checks that they leave nothing behind (promise 7).
func (r *Run) stopAll(context.Context) error {
	var children []child.Info
	for _, p := range r.replicas {
		if !p.ended() {
			below, err := child.Descendants(p.process.Pid())
			if err != nil {
				return err
			}
			children = append(children, below...)
		}
	}
	errs := make([]error, len(r.replicas))
	var all sync.WaitGroup
	for i, p := range r.replicas {
		all.Go(func() { errs[i] = p.stop() })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			r.found(Left, "%v", err)
		}
	}
	if err := gone(children); err != nil {
		r.found(Left, "%v", err)
	}
	for _, p := range r.replicas {
		for _, l := range p.links() {
			if err := l.close(); err != nil {
				return err
			}
		}
		list, err := files(p.work)
		if err != nil {
			return err
		}
		for _, name := range list {
			r.found(Left, "%s left the file %s", p.name, name)
		}
	}
	memory, err := sharedMemory()
	for _, name := range memory {
		if !slices.Contains(r.memory, name) {
			r.found(Left, "/dev/shm has %s", name)
		}
	}
	return err
}

// sharedMemory lists what Chrome has in /dev/shm.
func sharedMemory() (list []string, err error) {
	entries, err := os.ReadDir("/dev/shm")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if name := strings.ToLower(e.Name()); strings.Contains(name, "chrom") {
			list = append(list, e.Name())
		}
	}
	return list, err
}

// checkProcesses notes processes that were not there before the run.
func (r *Run) checkProcesses(before []child.Info) {
	now, err := child.Descendants(os.Getpid())
	if err != nil {
		r.found(Broken, "list processes: %v", err)
	}
	for _, n := range r.brokers() {
		before = append(before, child.Info{Pid: n.process.Pid()}) // it may have been started again
	}
	for _, p := range now {
		known := slices.ContainsFunc(before, func(b child.Info) bool { return b.Pid == p.Pid })
		if !known && p.Alive() && p.Name != "postgres" {
			r.found(Left, "the process %v", p)
		}
	}
}
