package alerts

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

type rig struct {
	*testing.T
	db *pgxpool.Pool
	w  *Watcher
}

func newRig(t *testing.T) *rig {
	t.Helper()
	db, err := pgxpool.New(t.Context(), migrated.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	keeper, err := webhooks.NewKeeper("")
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, db, &Watcher{DB: db, Keeper: keeper, Log: zerolog.Nop(), Settings: Settings{
		URL: "https://example.com/alerts", Failed: true, Quiet: 15 * time.Minute, QueueWait: 10 * time.Minute, StageWait: 3 * time.Minute,
	}}}
}

func (r *rig) exec(sql string, args ...any) {
	r.Helper()
	if _, err := r.db.Exec(r.Context(), sql, args...); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
}

func (r *rig) settle() {
	r.Helper()
	if err := r.w.settle(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// look looks, and returns what is told, such as "opened render_failed: A render has failed.".
func (r *rig) look() (told []string) {
	r.Helper()
	if err := r.w.Look(r.Context()); err != nil {
		r.Fatal(err)
	}
	rows, _ := r.db.Query(r.Context(), `with new as (update loom.webhook_events set fanned_at = clock_timestamp() where type like 'alert.%' and fanned_at is null returning *)
		select type, data from new order by created_at`)
	told, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var kind string
		var data struct {
			Kind, About, Text string
		}
		var text []byte
		if err := row.Scan(&kind, &text); err != nil {
			return "", err
		}
		err := json.Unmarshal(text, &data)
		return strings.TrimSpace(strings.TrimPrefix(kind, "alert.") + " " + data.Kind + " " + data.About + ": " + data.Text), err
	})
	if err != nil {
		r.Fatal(err)
	}
	return told
}

func (r *rig) expect(when string, want ...string) {
	r.Helper()
	if got := r.look(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		r.Errorf("%s: told %q, want %q", when, got, want)
	}
}

func (r *rig) render() (id uuid.UUID) {
	r.Helper()
	err := r.db.QueryRow(r.Context(), `with c as (insert into campaigns (name) values ('x') returning id)
		insert into renders (campaign_id, status) select id, 'queued' from c returning id`).Scan(&id)
	if err != nil {
		r.Fatal(err)
	}
	return id
}

func (r *rig) fail(code string) {
	r.exec("update renders set status = 'failed', error_code = $2 where id = $1", r.render(), code)
}

func TestFailuresAreOneIncidentUntilNoneHasFailedForAWhile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.settle()
	r.expect("nothing is wrong")
	r.fail("page_blocked")
	r.expect("one has failed", "opened render_failed : A render has failed.")
	r.fail("page_blocked")
	r.fail("internal")
	r.expect("others have")
	r.exec("update loom.webhook_events set created_at = created_at - interval '16 minutes'")
	r.exec("update loom.alerts set opened_at = opened_at - interval '16 minutes'")
	r.expect("none has for a while", "closed render_failed : Over: 3 renders have failed.")
	r.expect("later")
	r.fail("internal")
	r.expect("one has failed again", "opened render_failed : A render has failed.")
	r.exec("update renders set status = 'cancelled' where id = $1", r.render())
}

func TestAJobThatWaitsTooLongIsToldOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.settle()
	id := r.render()
	r.exec("insert into render_jobs (render_id, state) values ($1, 'queued')", id)
	r.expect("it has waited for a moment")
	r.exec("update render_jobs set queued_at = queued_at - interval '11 minutes'")
	r.expect("it has waited for long", "opened queue_waits : The oldest job has waited longer than 10m0s.")
	r.expect("it still waits")
	r.exec("update render_jobs set state = 'running'")
	r.expect("it was started", "closed queue_waits : Over: The oldest job has waited longer than 10m0s.")
}

func TestAStageWhoseTasksNobodyTakesIsToldOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.settle()
	id, plan, task := r.render(), uuid.New(), uuid.New()
	r.exec(`select loom.open_plan($1, $2, null, '{}', 0, jsonb_build_array(
		jsonb_build_object('id', $3::uuid, 'kind', 'record', 'seq', 0, 'params', '{}'::jsonb, 'weight', 1)))`, plan, id, task)
	r.expect("it is due since a moment")
	r.exec("update loom.tasks set not_before = not_before - interval '4 minutes'")
	r.exec("insert into loom.workers (worker, stage) values ('transcoder-1', 'transcode')")
	r.exec("insert into loom.paused (kind) values ('record')")
	r.expect("its stage is paused")
	r.exec("delete from loom.paused")
	r.expect("nobody takes it", "opened stage_idle record: Tasks of the stage record are due, and no worker takes them.")
	r.expect("still")
	r.exec("insert into loom.workers (worker, stage) values ('recorder-1', 'record')")
	r.expect("a worker is heard", "closed stage_idle record: Over: Tasks of the stage record are due, and no worker takes them.")
	r.exec("update loom.workers set heard_at = heard_at - interval '1 hour'")
	r.exec("update loom.tasks set state = 'running', lease_until = clock_timestamp() + interval '1 minute'")
	r.expect("the only worker works on it")
}

// Several consoles look at once. Each incident is one message at its beginning and one at its end.
func TestOnlyOneConsoleSpeaks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.settle()
	together := func() {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := r.w.Look(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	r.fail("internal")
	together()
	r.expect("8 have looked", "opened render_failed : A render has failed.")
	r.exec("update loom.webhook_events set created_at = created_at - interval '16 minutes'")
	r.exec("update loom.alerts set opened_at = opened_at - interval '16 minutes'")
	together()
	r.expect("8 have looked again", "closed render_failed : Over: A render has failed.")
}

func TestWhatIsSwitchedOffIsNotTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.settle()
	r.w.Settings.Failed, r.w.Settings.QueueWait, r.w.Settings.StageWait = false, 0, 0
	r.fail("internal")
	r.exec("insert into render_jobs (render_id, state) values ($1, 'queued')", r.render())
	r.exec("update render_jobs set queued_at = queued_at - interval '1 day'")
	r.expect("everything is off")
}

func TestTheEndpointOfAlertsFollowsTheSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	endpoint := func() string {
		var text string
		err := r.db.QueryRow(t.Context(), `select coalesce(string_agg(e.url || ' ' || array_to_string(e.events, ',') || ' ' || (select count(*) from loom.webhook_secrets), ''), '')
			from loom.webhook_endpoints e`).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var consoles sync.WaitGroup
	for range 4 {
		consoles.Go(func() {
			if err := r.w.settle(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	consoles.Wait()
	if got := endpoint(); got != "https://example.com/alerts alert.opened,alert.closed 1" {
		t.Errorf("it is %q", got)
	}
	r.w.Settings.URL, r.w.Settings.Secret = "https://example.com/other", webhooks.NewSecret().String()
	r.settle()
	r.settle()
	if got := endpoint(); got != "https://example.com/other alert.opened,alert.closed 2" {
		t.Errorf("it is %q", got)
	}
	r.w.Settings.URL = ""
	r.settle()
	if got := endpoint(); got != "" {
		t.Errorf("without a URL it is %q", got)
	}
	// Nobody is told, and nothing is written.
	r.fail("internal")
	r.expect("nobody is to be told")
}
