package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// deliveredWithin bounds how long it takes until all is told and done when nothing is harmed any
// more. A delivery that was a killed console's is its for 35 s, and what was not told is looked for
// every minute.
const deliveredWithin = 5 * time.Minute

// consoles kills consoles while renders end, actions are carried out and webhooks are delivered.
var consoles = Fault{
	Name: "consoles", What: "kill -9 of two consoles at each of their named steps, then of one of them at random every few seconds; " +
		"renders end, callers repeat their requests, actions on many renders are carried out, and receivers fail and hang",
	Ingests: 2, Recorders: 2, Transcoders: 2, Consoles: 2, Uncharged: true,
	Do: func(ctx context.Context, r *Run) error {
		callers, err := r.newCallers(ctx)
		if err != nil {
			return err
		}
		r.fault.Check = callers.check
		defer callers.receivers.close()
		// Killing ends when a caller fails. Calling ends when killing does.
		calling, done := context.WithCancel(ctx)
		defer done()
		all, killing := errgroup.WithContext(ctx)
		for range 2 {
			rng := r.another()
			all.Go(func() error { return callers.call(calling, killing, rng) })
		}
		err = r.killAllAtSteps(killing, r.of("console")...)
		for range r.times(40) {
			if err != nil || !pause(killing, r.between(500*time.Millisecond, 4*time.Second)) {
				break
			}
			p := r.of("console")[r.rng.IntN(2)]
			if err = p.crash(); err == nil {
				r.count("kill -9", 1)
				err = p.start(ctx, nil)
			}
		}
		done()
		if err = errors.Join(err, all.Wait()); err != nil {
			return err
		}
		if err := r.whileOpen(ctx, func() error { pause(ctx, 200*time.Millisecond); return nil }); err != nil {
			return err
		}
		return callers.settle(ctx)
	},
}

// callers are programs that use the consoles' API.
type callers struct {
	*Run
	api       *api
	receivers *receivers
	// calls are what was asked for and answered.
	calls struct{ renders, actions int }
}

func (r *Run) newCallers(ctx context.Context) (*callers, error) {
	// What other runs made would get what happens in this one.
	if _, err := r.db.Exec(ctx, "delete from loom.webhook_endpoints"); err != nil {
		return nil, fmt.Errorf("delete endpoints: %w", err)
	}
	c := &callers{Run: r}
	var err error
	if c.api, err = r.newAPI(ctx); err != nil {
		return nil, err
	}
	c.receivers, err = newReceivers(ctx, c.api)
	return c, err
}

// call submits renders and acts on many of them, until calling ends. What was begun goes on until
// it is done.
func (c *callers) call(calling, ctx context.Context, rng *rand.Rand) error {
	for calling.Err() == nil {
		for _, do := range []func(context.Context, *rand.Rand) error{c.submitOne, c.prioritize, c.retry} {
			if err := do(ctx, rng); err != nil {
				return err
			}
		}
	}
	return nil
}

// submitOne submits a render by the API.
func (c *callers) submitOne(ctx context.Context, rng *rand.Rand) error {
	w := &render{wanted: newCampaign(rng, 1+rng.IntN(3)), ends: []end{endDone}, jobs: 1}
	type scene struct {
		URL      string `json:"url"`
		Duration int    `json:"duration_sec"`
	}
	file := map[string]any{"name": "by the API", "output_width": 320, "output_height": 180, "output_fps": fps}
	var scenes []scene
	for _, s := range w.wanted.scenes {
		scenes = append(scenes, scene{s.url, s.seconds})
	}
	file["scenes"] = scenes
	if w.wanted.facecam != "" {
		file["facecam_url"] = w.wanted.facecam
	}
	var made struct{ ID uuid.UUID }
	if err := c.api.post(ctx, rng, "/v1/renders", map[string]any{"campaign": file, "user_id": w.wanted.owner}, &made); err != nil {
		return err
	}
	w.id = made.ID
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renders = append(c.renders, w)
	c.calls.renders++
	return nil
}

// prioritize gives some renders a priority, all at once, and has most of them cancelled.
func (c *callers) prioritize(ctx context.Context, rng *rand.Rand) error {
	user, cancel := uuid.New(), rng.IntN(3) > 0
	for range 3 + rng.IntN(6) {
		wanted := newCampaign(rng, 1+rng.IntN(2))
		wanted.owner = user
		w, err := c.submit(ctx, wanted)
		if err != nil {
			return err
		}
		if cancel {
			w.ends = []end{endCancelled, endDone}
		}
	}
	filter := map[string]any{"user_id": user}
	if err := c.act(ctx, rng, map[string]any{"action": "priority", "priority": rng.IntN(100), "filter": filter}); err != nil || !cancel {
		return err
	}
	return c.act(ctx, rng, map[string]any{"action": "cancel", "filter": filter})
}

// retry retries some renders, all at once, whose pages are bad: they fail again.
func (c *callers) retry(ctx context.Context, rng *rand.Rand) error {
	user := uuid.New()
	n := 2 + rng.IntN(4)
	for range n {
		wanted := newCampaign(rng, 1)
		wanted.owner, wanted.scenes[0].url, wanted.scenes[0].seconds = user, wanted.scenes[0].url+"?bad", 1
		w, err := c.submit(ctx, wanted)
		if err != nil {
			return err
		}
		w.ends, w.jobs = []end{endFailed}, 2
	}
	err := until(ctx, patience, "the renders have failed", func() (bool, error) {
		var failed int
		err := c.db.QueryRow(ctx, `select count(*) from renders r join campaigns c on c.id = r.campaign_id join render_jobs j on j.render_id = r.id
			where c.user_id = $1::uuid and r.status = 'failed' and j.state = 'failed'`, user).Scan(&failed)
		return failed == n, err
	})
	if err != nil {
		return err
	}
	return c.act(ctx, rng, map[string]any{"action": "retry", "filter": map[string]any{"user_id": user, "status": []string{"failed"}}})
}

// act has an action carried out on many renders, and waits until it has ended.
func (c *callers) act(ctx context.Context, rng *rand.Rand, action map[string]any) error {
	var made struct {
		Action struct{ ID uuid.UUID } `json:"bulk_action"`
	}
	if err := c.api.post(ctx, rng, "/v1/bulk-actions", action, &made); err != nil {
		return err
	}
	c.mu.Lock()
	c.calls.actions++
	c.mu.Unlock()
	return until(ctx, deliveredWithin, "an action on many renders has ended", func() (bool, error) {
		var state string
		err := c.db.QueryRow(ctx, "select state from loom.bulk_actions where id = $1::uuid", made.Action.ID).Scan(&state)
		return state != "running", err
	})
}

// settle waits until every end was told to everybody.
func (c *callers) settle(ctx context.Context) error {
	deadline := time.Now().Add(deliveredWithin)
	for time.Now().Before(deadline) {
		// Those that failed are not waited for longer than others. Nobody is harmed any more.
		if _, err := c.db.Exec(ctx, "update loom.webhook_deliveries set next_at = clock_timestamp() where state = 'pending' and lease_until is null"); err != nil {
			return fmt.Errorf("have webhooks be due: %w", err)
		}
		var left int
		err := c.db.QueryRow(ctx, `select (select count(*) from loom.webhook_deliveries where state = 'pending')
			+ (select count(*) from loom.webhook_events where fanned_at is null)
			+ (select count(*) from loom.plans p where p.created_at > $1 and not exists (
			     select from loom.webhook_events e where e.render_id = p.render_id and e.type <> 'render.started' and e.created_at >= p.created_at))`, c.began).Scan(&left)
		if err != nil {
			return fmt.Errorf("count what is to be told: %w", err)
		}
		if left == 0 {
			return nil
		}
		if !pause(ctx, 200*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	return nil // the check says what is not told
}

// check: what was asked for once was done once, on each render that it is about, and the end of
// each render was told to each receiver, by one message.
func (c *callers) check(ctx context.Context, r *Run) error {
	defer func() { _, _ = r.db.Exec(ctx, "delete from loom.webhook_endpoints") }()
	return errors.Join(c.checkCalls(ctx), c.checkActions(ctx), c.checkTold(ctx))
}

// checkCalls: no request was done twice, though callers repeat what was not answered.
func (c *callers) checkCalls(ctx context.Context) error {
	var renders, actions int
	err := c.db.QueryRow(ctx, `select (select count(*) from loom.audit where actor = $1::text and action = 'render.create'),
		(select count(*) from loom.bulk_actions where actor = $1::text)`, c.api.token.String()).Scan(&renders, &actions)
	if err != nil {
		return fmt.Errorf("count what callers made: %w", err)
	}
	c.count("requests", c.calls.renders+c.calls.actions)
	for _, made := range []struct {
		what        string
		asked, done int
	}{{"renders", c.calls.renders, renders}, {"actions", c.calls.actions, actions}} {
		switch {
		case made.done > made.asked:
			c.found(Doubled, "%d %s were asked for, and %d made", made.asked, made.what, made.done)
		case made.done < made.asked:
			c.found(Lost, "%d %s were asked for, and %d made", made.asked, made.what, made.done)
		}
	}
	return nil
}

// checkActions: each action has ended, and each render that it is about had its turn once.
func (c *callers) checkActions(ctx context.Context) error {
	type action struct {
		ID                                uuid.UUID
		State                             string
		Total, Changed, Unchanged, Failed int
	}
	list, err := query[action](ctx, c.Run, "select id, state, total, changed, unchanged, failed from loom.bulk_actions where actor = $1::text", c.api.token.String())
	if err != nil {
		return err
	}
	changed := 0
	for _, a := range list {
		changed += a.Changed
		c.count("renders in actions", a.Total)
		switch turns := a.Changed + a.Unchanged + a.Failed; {
		case a.State != "done":
			c.found(Stuck, "action %s is %s", a.ID, a.State)
		case turns < a.Total:
			c.found(Lost, "action %s is about %d renders, of which %d had a turn", a.ID, a.Total, turns)
		case turns > a.Total:
			c.found(Doubled, "action %s is about %d renders, and has counted %d turns", a.ID, a.Total, turns)
		}
	}
	// No render is in two actions of a kind. What was done to it is in the audit log.
	type done struct {
		Action, Target string
		Times          int
	}
	audited, err := query[done](ctx, c.Run, `select action, target, count(*)::int from loom.audit
		where actor = $1::text and action in ('render.retry', 'render.cancel', 'render.priority') group by action, target`, c.api.token.String())
	if err != nil {
		return err
	}
	for _, d := range audited {
		changed -= d.Times
		if d.Times > 1 {
			c.found(Doubled, "%s was done to %s %d times", d.Action, d.Target, d.Times)
		}
	}
	if changed != 0 {
		c.found(Doubled, "actions count %d changes more than there were", changed)
	}
	return nil
}

// checkTold: each end of a render is one event, which each receiver has taken.
func (c *callers) checkTold(ctx context.Context) error {
	type event struct {
		ID, Render uuid.UUID
		Type       string
	}
	list, err := query[event](ctx, c.Run, "select id, render_id, type from loom.webhook_events where created_at > $1 and render_id is not null and type <> 'render.started'", c.began)
	if err != nil {
		return err
	}
	events := map[uuid.UUID][]event{}
	for _, e := range list {
		events[e.Render] = append(events[e.Render], e)
	}
	for _, w := range c.renders {
		told := events[w.id]
		switch {
		case len(told) < w.jobs:
			c.found(Lost, "render %s has %d ends, and %d events of them", w.id, w.jobs, len(told))
		case len(told) > w.jobs:
			c.found(Doubled, "render %s has %d ends, and %d events of them: %v", w.id, w.jobs, len(told), told)
		}
		for _, e := range told {
			c.receivers.check(c.Run, e.ID, e.Render)
		}
	}
	c.receivers.report(c.Run)
	return nil
}
