package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// fuss adds a trigger to the app's jobs that fails where a condition holds: it uses a table that
// does not exist.
func (r *rig) fuss(where string) {
	r.exec(`create or replace function fuss() returns trigger language plpgsql as $$ begin
		if ` + where + ` then perform from no_such_table; end if; return new; end $$`)
	r.exec("create or replace trigger fuss before update on render_jobs for each row execute function fuss()")
}

func TestADatabaseThatRefusesEveryJobIsNotReadyUntilItIsMended(t *testing.T) {
	r := newRig(t)
	r.fuss("true")
	p := r.ingest(nil)
	r.work("worker", nil)
	first, second := r.submit(small), r.submit(small)
	r.until("both are set aside", "select count(*) = 2 from loom.set_aside")
	r.eventually("/readyz says so", func() (bool, string) {
		err := p.ready(t)
		return err != nil && strings.Contains(err.Error(), `jobs cannot be begun`) && strings.Contains(err.Error(), `"no_such_table" does not exist`), ""
	})
	r.eventually("metrics say so", func() (bool, string) {
		text := p.metrics(t)
		return strings.Contains(text, `loom_database_errors_total{code="42P01",work="claim"}`) && strings.Contains(text, "loom_jobs_set_aside 2"), text
	})
	r.fuss("false")
	for _, render := range []string{first.String(), second.String()} {
		r.until("the render ends", "select status = 'done' from renders where id = $1", render)
	}
	r.eventually("/readyz says that it is mended", func() (bool, string) { return p.ready(t) == nil, "" })
	r.eventually("nothing is set aside", func() (bool, string) { return strings.Contains(p.metrics(t), "loom_jobs_set_aside 0"), "" })
}

func TestAJobThatTheDatabaseRefusesEndsWhenOthersDoNotMeetThat(t *testing.T) {
	r := newRig(t)
	bad := r.submit(small)
	r.fuss("new.render_id = '" + bad.String() + "' and new.state = 'running'")
	p := r.ingest(nil)
	r.work("worker", nil)
	if o := r.ended(r.submit(small)); o.status != "done" {
		t.Errorf("the render behind it ended as %+v", o)
	}
	r.until("the bad one is set aside", "select exists (select from loom.set_aside where render_id = $1)", bad)
	r.eventually("/readyz is content, though there is one bad job", func() (bool, string) {
		err := p.ready(t)
		return err == nil, fmt.Sprint(err)
	})
	r.exec("update loom.set_aside set tries = 10, not_before = now()") // as after some more tries
	if o := r.ended(bad); o.status != "failed" || o.code != string(msg.CodeInternal) || o.job != "failed" {
		t.Errorf("the bad one ended as %+v", o)
	}
	r.until("and is set aside no more", "select not exists (select from loom.set_aside)")
}

// What the database refused once for a render in progress is not retried: the render went on.
func TestARefusalThatHasPassedIsNoReasonNotToBeReady(t *testing.T) {
	r := newRig(t)
	p := r.ingest(nil)
	r.work("worker", func(ctx context.Context, _ msg.Grant) msg.Result {
		<-ctx.Done()
		return msg.Result{}
	})
	render := r.submit(one)
	r.until("it is worked on", "select exists (select from loom.tasks where state = 'running')")
	r.exec("select loom.note_refusal($1, '42P01', 'relation \"moved\" does not exist')", render)
	r.eventually("/readyz says so", func() (bool, string) { return p.ready(t) != nil, "" })
	r.exec("update loom.set_aside set last_at = last_at - interval '2 minutes', not_before = not_before - interval '2 minutes'")
	r.eventually("/readyz says that it has passed", func() (bool, string) { return p.ready(t) == nil, "" })
}

func TestARenderWhoseRowIsRefusedHalfwayEnds(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	r.exec(`create function fuss() returns trigger language plpgsql as $$ begin
		if new.status = 'normalizing' then perform from no_such_table; end if; return new; end $$`)
	r.exec("create trigger fuss before update on renders for each row execute function fuss()")
	p := r.ingest(func(c *ingest.Config) { c.MaxRetries = 0 })
	r.work("worker", nil)
	render := r.submit(small)
	r.eventually("it is told of", func() (bool, string) {
		text := p.metrics(t)
		return strings.Contains(text, `loom_database_errors_total{code="42P01",work="result"}`) && strings.Contains(text, "loom_jobs_set_aside 1"), text
	})
	if o := r.ended(render); o.status != "failed" {
		t.Errorf("it ended as %+v", o)
	}
}

// This is all that an app can do that only reaches its own tables (through supabase-js, for
// instance) and whose status type has no cancelled.
func TestARenderIsCancelledByAColumnOfTheApps(t *testing.T) {
	r := newRig(t)
	r.exec("alter table renders add check (status <> 'cancelled')")
	r.ingest(nil)
	stopped := make(chan struct{}, 1)
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		<-ctx.Done()
		select {
		case stopped <- struct{}{}:
		default:
		}
		return msg.Result{Outcome: msg.Done}
	})
	render := r.submit(small)
	r.until("it is worked on", "select exists (select from loom.tasks where render_id = $1 and state = 'running')", render)
	r.exec("update renders set cancel_requested = true where id = $1", render)
	if o := r.ended(render); o.status != "failed" || o.code != "cancelled" || o.job != "cancelled" {
		t.Errorf("it ended as %+v", o)
	}
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Error("its worker works on")
	}
	// A render that is still queued is never started.
	var queued uuid.UUID
	r.scan(&queued, `with r as (insert into renders (campaign_id, cancel_requested) select campaign_id, true from renders where id = $1 returning id)
		insert into render_jobs (render_id) select id from r returning render_id`, render)
	if o := r.ended(queued); o.code != "cancelled" || o.job != "cancelled" {
		t.Errorf("the one that waited ended as %+v", o)
	}
	var plans int
	r.scan(&plans, "select count(*) from loom.plans where render_id = $1", queued)
	if plans != 0 {
		t.Error("it was planned")
	}
}
