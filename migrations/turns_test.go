package migrations_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// users are owners of campaigns, by a name that is short.
var users = map[string]uuid.UUID{"a": uuid.New(), "b": uuid.New(), "c": uuid.New()}

// queue inserts jobs of users, in order: each letter is one of a new render of that user's.
func queue(t *testing.T, conn *pgx.Conn, priority int, letters string) {
	t.Helper()
	for _, letter := range letters {
		exec(t, conn, `
			with c as (insert into campaigns (name, user_id) values ($1, $2) returning id),
			     r as (insert into renders (campaign_id) select id from c returning id)
			insert into render_jobs (render_id, priority) select id, $3 from r`, string(letter), users[string(letter)], priority)
	}
}

// started starts n jobs and returns whose they were, one letter for each. ways are the functions
// that take turns at starting one.
func started(t *testing.T, conn *pgx.Conn, n int, ways ...string) string {
	t.Helper()
	var letters strings.Builder
	for i := range n {
		var letter string
		err := conn.QueryRow(t.Context(), `select c.name from render_jobs j join renders r on r.id = j.render_id
			join campaigns c on c.id = r.campaign_id where j.id = (`+ways[i%len(ways)]+`)`).Scan(&letter)
		if err != nil {
			t.Fatalf("start job %d: %v", i, err)
		}
		letters.WriteString(letter)
	}
	return letters.String()
}

const (
	nodeWorker = "select id from claim_render_job()"
	ours       = "with n as materialized (select job_id from loom.next_job()) select job_id from n, loom.claim_job(job_id)"
)

func TestUsersTakeTurns(t *testing.T) {
	t.Parallel()
	for name, ways := range map[string][]string{"ingest": {ours}, "the Node worker": {nodeWorker}, "both": {ours, nodeWorker}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, migrated.Database(t))
			queue(t, conn, 0, strings.Repeat("a", 20)+"bbc")
			if got := started(t, conn, 7, ways...); got != "abcabaa" {
				t.Errorf("jobs of %s were started", got)
			}
			queue(t, conn, 0, "b") // behind what b has had, not behind a's backlog
			if got := started(t, conn, 3, ways...); !strings.Contains(got, "b") {
				t.Errorf("then jobs of %s were started, and b's waits", got)
			}
			queue(t, conn, 0, "c")
			if got := started(t, conn, 2, ways...); !strings.Contains(got, "c") {
				t.Errorf("jobs of %s were started before c's, who has had one", got)
			}
		})
	}
}

// Somebody who queues a job whenever one has ended keeps nobody from their turns.
func TestOneJobAfterTheOtherStopsNobody(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	queue(t, conn, 0, "bbbb")
	var all string
	for range 6 {
		queue(t, conn, 0, "a")
		all += started(t, conn, 1, ours)
	}
	if n := strings.Count(all, "b"); n < 2 {
		t.Errorf("jobs of %s were started", all)
	}
}

func TestAHigherPriorityComesFirst(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	queue(t, conn, 0, "ab")
	queue(t, conn, 5, "aac")
	queue(t, conn, -1, "c")
	if got := started(t, conn, 6, ours, nodeWorker); got != "caa"+"ab"+"c" {
		t.Errorf("jobs of %s were started", got)
	}
}

func TestAWeightGivesMoreTurns(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	exec(t, conn, "insert into loom.shares (owner, weight) values ($1, 3)", users["a"].String())
	queue(t, conn, 0, strings.Repeat("a", 12)+strings.Repeat("b", 12))
	if got := started(t, conn, 12, ours); strings.Count(got, "a") != 9 {
		t.Errorf("jobs of %s were started, want three of a's for each of b's", got)
	}
}

func TestOwnersWithEnoughRendersArePassedOver(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	queue(t, conn, 0, "aab")
	const passing = "with n as materialized (select job_id from loom.next_job(array[$$A$$])) select job_id from n, loom.claim_job(job_id)"
	if got := started(t, conn, 1, strings.ReplaceAll(passing, "A", users["a"].String())); got != "b" {
		t.Errorf("a job of %s's was started", got)
	}
}

// A claim, a new job and an end read as much however many jobs are queued and were ever made.
func TestTurnsCostTheSameHoweverLongTheQueueIs(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	exec(t, conn, `
		create table people as select gen_random_uuid() as id from generate_series(1, 100);
		insert into campaigns (name, user_id) select 'backlog', id from people`)
	add := func(each int, state string) {
		exec(t, conn, `
			with r as (insert into renders (campaign_id) select c.id from campaigns c, generate_series(1, $1) returning id)
			insert into render_jobs (render_id, state) select id, $2 from r`, each, state)
	}
	queries := map[string]string{
		"claiming":        "select loom.next_job()",
		"the Node worker": "select claim_render_job()",
		"queueing":        `insert into render_jobs (render_id) select r.id from renders r limit 1`,
	}
	read := func() map[string]float64 {
		exec(t, conn, "analyze")
		blocks := map[string]float64{}
		// The least of a few: what others do on this server makes this connection read the catalog
		// again, now and then.
		for i := range 5 {
			for name, sql := range queries {
				n := blocksRead(t, conn, sql)
				if i == 0 || n < blocks[name] {
					blocks[name] = n
				}
			}
		}
		return blocks
	}
	add(1, "queued")
	few := read()
	add(50, "completed")
	add(50, "queued")
	for name, blocks := range read() {
		if blocks > 2*few[name]+50 {
			t.Errorf("%s: %v blocks are read with 5,100 jobs queued, %v with 100", name, blocks, few[name])
		}
	}
}

// blocksRead returns how many blocks a query reads. What it does is rolled back.
func blocksRead(t *testing.T, conn *pgx.Conn, sql string) float64 {
	t.Helper()
	var plan []struct{ Plan map[string]any }
	err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		if err := tx.QueryRow(t.Context(), "explain (analyze, buffers, format json) "+sql).Scan(&plan); err != nil {
			return err
		}
		return tx.Rollback(t.Context())
	})
	if err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		t.Fatalf("%s: %v", sql, err)
	}
	return plan[0].Plan["Shared Hit Blocks"].(float64) + plan[0].Plan["Shared Read Blocks"].(float64)
}

// The order is an optimisation: a job is queued and started without it.
func TestJobsAreStartedWithoutTurns(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"no triggers":        "alter table render_jobs disable trigger user",
		"a table is gone":    "drop table loom.last_turns",
		"a sequence is gone": "drop sequence loom.present_turn",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, migrated.Database(t))
			queue(t, conn, 0, "a")
			exec(t, conn, sql)
			queue(t, conn, 0, "bc")
			got := strings.Split(started(t, conn, 3, ours, nodeWorker), "")
			slices.Sort(got)
			if strings.Join(got, "") != "abc" {
				t.Errorf("jobs of %v were started", got)
			}
		})
	}
}
