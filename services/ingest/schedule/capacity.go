package schedule

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
)

const (
	// countEvery is how often the workers' slots are counted, and countedFor for how long the
	// highest count holds: a slot between two tasks is not seen for a moment.
	countEvery = 3 * time.Second
	countedFor = 10 * time.Second
)

// count is how many slots a stage's workers had.
type count struct {
	n  int
	at time.Time
}

// noteCapacity writes into loom.capacity what the installation can do at once, until ctx is
// cancelled. Forecasts of when renders end are made of it, and nothing else.
func (s *Scheduler) noteCapacity(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.streams.first:
	}
	d := newDispatcher(s) // for its count of slots
	outage := retry.Outage{Log: s.Log, Minor: true,
		Down: "slots cannot be counted: nobody is told when renders will end", Up: "slots are counted again"}
	counts := map[string][]count{} // by stage, the newest last
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	for {
		within, cancel := context.WithTimeout(ctx, publishWithin)
		err := s.countSlots(within, d, counts)
		if err == nil {
			err = s.tasks.noteCapacity(within, s.capacity(counts))
		}
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		outage.Note(err)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// countSlots counts the slots of each stage.
func (s *Scheduler) countSlots(ctx context.Context, d *dispatcher, counts map[string][]count) error {
	fetching, err := s.tasks.fetching(ctx)
	if err != nil {
		return err
	}
	for _, stream := range []string{msg.StreamRecord, msg.StreamTranscode, msg.StreamUpload} {
		of := 0
		if stream == msg.StreamTranscode {
			of = fetching
		}
		n, err := d.slotsOf(ctx, stream, of)
		if err != nil {
			return err
		}
		now, stage := time.Now(), s.streams.consumers[stream].Durable
		recent := slices.DeleteFunc(counts[stage], func(c count) bool { return now.Sub(c.at) > countedFor })
		counts[stage] = append(recent, count{n, now})
	}
	return nil
}

// capacity is what the installation can do at once, by the names of loom.capacity.
func (s *Scheduler) capacity(counts map[string][]count) map[string]int {
	all := map[string]int{"renders": s.MaxRenders, "renders_per_owner": s.MaxPerOwner, "pages_per_host": s.PerHost}
	for _, stage := range []string{msg.ConsumerRecord, msg.ConsumerTranscode, msg.ConsumerUpload} {
		for _, c := range counts[stage] {
			all[stage] = max(all[stage], c.n)
		}
	}
	return all
}

// noteCapacity writes capacities.
func (t taskStore) noteCapacity(ctx context.Context, capacity map[string]int) error {
	names := slices.Sorted(maps.Keys(capacity))
	numbers := make([]int, len(names))
	for i, name := range names {
		numbers[i] = capacity[name]
	}
	if _, err := t.db.Exec(ctx, "select loom.note_capacity($1::text[], $2::int[])", names, numbers); err != nil {
		return fmt.Errorf("note what can be done at once: %w", err)
	}
	return nil
}

// fetching counts the tasks of the transcoders that run and take no slot.
func (t taskStore) fetching(ctx context.Context) (n int, err error) {
	err = t.db.QueryRow(ctx, `select count(*) from loom.plans p join loom.tasks k on k.plan_id = p.id
		where p.ended_at is null and k.state = 'running' and k.kind = any ($1::text[])`, fetchNames).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what is fetched: %w", err)
	}
	return n, nil
}

// fetchNames are the kinds that fetch.
var fetchNames = func() (names []string) {
	for _, k := range msg.Kinds {
		if k.Fetches() {
			names = append(names, string(k))
		}
	}
	return names
}()
