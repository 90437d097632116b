package claim_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/services/ingest/claim"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// variant is a schema that an app may have, and what becomes of it.
type variant struct {
	// app says how the app differs from the contract, and sql makes it so.
	app, sql string
	// later is what the app changes after the migration.
	later string
	// one changes the rows of one render, whose id is $1.
	one string
	// submit replaces the statement that inserts a render of campaign $1.
	submit string
	// refused is in migrate's refusal. Empty: it migrates.
	refused string
	// ready is in the answer of /readyz after a render. Empty: it is ready.
	ready string
	// render is what becomes of a render, others what becomes of the one behind it. Empty: done.
	render, others string
	// cancel is the status of a render after a cancel. Empty: cancelled. refused: the database
	// refuses the cancel.
	cancel string
}

func TestEverySchemaOfAnAppIsUnderstoodOrRefused(t *testing.T) {
	for _, v := range slices.Concat(variants, refusals) {
		t.Run(v.app, func(t *testing.T) {
			t.Parallel()
			d := newApp(t, v)
			d.exec(v.sql)
			before := ""
			if v.refused != "" {
				before = d.schema()
			}
			_, err := migrations.Apply(t.Context(), d.conn)
			if v.refused != "" {
				if err == nil || !contains(err.Error(), v.refused) {
					t.Errorf("migrate says %v, want what names %q", err, v.refused)
				}
				if after := d.schema(); after != before {
					t.Errorf("migrate refused, and changed\n%s\nto\n%s", before, after)
				}
				return
			}
			if err != nil {
				t.Fatalf("migrate: %v", err)
			}
			d.exec(v.later)
			d.renders()
			d.nodeWorker()
			d.cancels()
		})
	}
}

// renders claims and makes a render, and another one behind it if the first is a bad one.
func (d *database) renders() {
	first := d.submit()
	if d.v.one != "" {
		d.exec(d.v.one, first)
	}
	second := uuid.Nil
	if d.v.one+d.v.others != "" {
		second = d.submit()
	}
	d.claimAll()
	d.makes(first, d.v.render)
	if second != uuid.Nil {
		d.makes(second, d.v.others)
	}
	err := migrations.Check(d.t.Context(), d.db)
	if err == nil {
		err = claim.Ready(d.t.Context(), d.db)
	}
	if said := text(err); (d.v.ready == "") != (said == "") || !contains(said, d.v.ready) {
		d.t.Errorf("/readyz says %q, want %q", said, d.v.ready)
	}
}

// nodeWorker claims as the Node worker does.
func (d *database) nodeWorker() {
	if d.v.render == "set aside" || strings.Contains(d.v.later, "claim_render_job") {
		return // whatever keeps ingest from claiming keeps the Node worker from it
	}
	render := d.submit()
	if got := d.get("select render_id::text || ' ' || state::text from public.claim_render_job()"); got != render.String()+" running" {
		d.t.Errorf("the Node worker claims %q", got)
	}
	d.exec("update render_jobs set state = 'completed' where render_id = $1", render)
}

// cancels cancels a render that is being made.
func (d *database) cancels() {
	if d.v.others == "set aside" {
		return
	}
	ours, byColumn, byStatus := d.submit(), d.submit(), d.submit()
	d.claimAll()
	queued := d.submit()
	err := d.try("select loom.cancel_render($1)", ours)
	if d.v.cancel == "refused" && err != nil {
		return
	}
	if err != nil {
		d.t.Errorf("cancel: %v", err)
		return
	}
	d.exec("update renders set cancel_requested = true where id in ($1, $2)", byColumn, queued)
	d.get("select count(*)::text from loom.cancel_requested()")
	want := d.v.cancel
	if want == "" {
		want = "cancelled"
		// An app whose status knows the word may write it itself.
		d.exec("update renders set status = 'cancelled', error_code = 'cancelled' where id = $1", byStatus)
		d.get("select count(*)::text from loom.close_ended_plans()")
	} else {
		byStatus = ours
	}
	for what, render := range map[string]uuid.UUID{"by us": ours, "by the column": byColumn, "while it was queued": queued, "by its status": byStatus} {
		if got := d.status(render); got != want+" cancelled" {
			d.t.Errorf("a render cancelled %s is %s, want %s cancelled", what, got, want)
		}
		if got := d.get(`select string_agg(j.state::text, ' ') || ' ' || coalesce(bool_or(r.cancel_requested), false) || ' ' || (select count(*) from loom.plans p
			where p.render_id = r.id and p.ended_at is null) from render_jobs j join renders r on r.id = j.render_id where r.id = $1 group by r.id`, render); got != "cancelled false 0" && got != "failed false 0" {
			d.t.Errorf("the job of one cancelled %s, its request and its open plans are %s", what, got)
		}
	}
}

// makes takes a render to its end, if it has been claimed, and checks what became of it.
func (d *database) makes(render uuid.UUID, want string) {
	d.t.Helper()
	got := d.carried(render)
	if want == "" {
		want = "done 100 completed"
	}
	if got != want {
		d.t.Errorf("the render ended as %q, want %q: %s", got, want, d.get("select coalesce(string_agg(reason, '; '), '') from loom.set_aside"))
	}
}

func (d *database) carried(render uuid.UUID) string {
	if d.get("select exists (select from loom.set_aside where render_id = $1)::text", render) == "true" {
		return "set aside"
	}
	for {
		var task, kind string
		err := d.db.QueryRow(d.t.Context(), "select id::text, kind from loom.tasks where render_id = $1 and state = 'due' limit 1", render).Scan(&task, &kind)
		if errors.Is(err, pgx.ErrNoRows) {
			break
		}
		if err != nil {
			d.t.Fatal(err)
		}
		d.exec("select from loom.grant_task($1, 'worker', gen_random_uuid(), '1 minute')", task)
		d.exec("select loom.heartbeat_task($1, 1, 0.5, '1 minute')", task)
		if kind == "upload" {
			d.exec("select loom.finish_render($1, 1, 'https://example.com/v.mp4', 'https://example.com/t.jpg', '{}', 's')", task)
		} else {
			d.exec(`select loom.finish_task($1, 1, '{}', '{"warnings": [{"code": "scene_inexact"}]}')`, task)
		}
	}
	if end := d.status(render); end != "done " {
		return strings.TrimSpace(end)
	}
	return d.get("select concat_ws(' ', r.status, r.progress, j.state) from renders r join render_jobs j on j.render_id = r.id where r.id = $1", render)
}

// database is the database of a variant.
type database struct {
	t    *testing.T
	v    variant
	db   *pgxpool.Pool
	conn *pgx.Conn
}

func newApp(t *testing.T, v variant) *database {
	t.Helper()
	url := app.Database(t)
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &database{t: t, v: v, db: db, conn: conn}
}

// submit inserts what the app inserts.
func (d *database) submit() uuid.UUID {
	d.t.Helper()
	campaign := d.get("insert into campaigns (name) values ('test') returning id::text")
	d.exec("insert into scenes (campaign_id, url, duration_sec, order_index) values ($1, 'https://example.com/', 1, 0)", campaign)
	sql := d.v.submit
	if sql == "" {
		sql = "insert into renders (campaign_id) values ($1) returning id::text"
	}
	render := d.get(sql, campaign)
	d.exec("insert into render_jobs (render_id) values ($1)", render)
	return uuid.MustParse(render)
}

// claimAll claims as ingest does until there is nothing to claim.
func (d *database) claimAll() {
	d.t.Helper()
	c := claim.Claimer{DB: d.db, Limits: plan.Limits{Scene: time.Hour, Render: time.Hour}, MaxRenders: 100, MaxPerOwner: 100, MaxRetries: 3}
	for range 20 {
		claimed, err := c.Next(d.t.Context())
		if err != nil {
			d.t.Fatal(err)
		}
		if claimed.Outcome == claim.Empty {
			return
		}
	}
	d.t.Fatal("claiming has no end")
}

func (d *database) status(render uuid.UUID) string {
	d.t.Helper()
	return d.get("select status::text || ' ' || coalesce(error_code::text, '') from renders where id = $1", render)
}

// schema returns everything of the database that may be changed, except for rows.
func (d *database) schema() string {
	d.t.Helper()
	return d.get(`select string_agg(line, E'\n' order by line) from (
		select format('%s.%s.%s %s', c.relnamespace::regnamespace, c.relname, a.attname, a.atttypid::regtype)
		  from pg_class c join pg_attribute a on a.attrelid = c.oid
		 where c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
		union all select format('function %s %s', oid::regprocedure, proacl) from pg_proc
		 where pronamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
		union all select 'schema ' || nspname from pg_namespace where nspname not like 'pg\_%') as l (line)`)
}

func (d *database) try(sql string, args ...any) error {
	if len(args) == 0 {
		_, err := d.conn.PgConn().Exec(d.t.Context(), sql).ReadAll()
		return err
	}
	_, err := d.db.Exec(d.t.Context(), sql, args...)
	return err
}

func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	if err := d.try(sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

func (d *database) get(sql string, args ...any) (value string) {
	d.t.Helper()
	if err := d.db.QueryRow(d.t.Context(), sql, args...).Scan(&value); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// contains reports whether text holds each of the words that are separated by " … ".
func contains(text, words string) bool {
	for word := range strings.SplitSeq(words, " … ") {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
