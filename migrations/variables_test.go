package migrations_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
)

// An app that knows nothing of variables inserts as it did.
func TestACampaignDeclaresNothingAndARenderBringsNothingUnlessTheySay(t *testing.T) {
	conn := connect(t, migrated.Database(t))
	exec(t, conn, `insert into campaigns (id, name) values ('11111111-1111-1111-1111-111111111111', 'mine')`)
	exec(t, conn, `insert into renders (campaign_id) values ('11111111-1111-1111-1111-111111111111')`)
	if got := get[string](t, conn, "select c.variables::text || r.variables::text from campaigns c join renders r on r.campaign_id = c.id where c.name = 'mine'"); got != "{}{}" {
		t.Errorf("they have %s", got)
	}
}

// Values are of people: whoever writes them need not read them.
func TestOnlyIngestReadsTheValuesOfRenders(t *testing.T) {
	for group, may := range map[string]bool{"loom_ingest": true, "loom_console": false, "loom_reader": false, "loom_uploader": false, "loom_scaler": false} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			r := migrationstest.MemberOf(t, group)
			exec(t, connect(t, r.OwnerURL), `insert into campaigns (id, name) values ('11111111-1111-1111-1111-111111111111', 'mine')`)
			conn := connect(t, r.URL)
			for _, sql := range []string{"select variables from public.renders", "select r from public.renders r", "select 1 from public.renders where variables <> '{}'"} {
				_, err := conn.Exec(t.Context(), sql)
				if pg := new(pgconn.PgError); may != (err == nil) || !may && (!errors.As(err, &pg) || pg.Code != "42501") {
					t.Errorf("%s: %v", sql, err)
				}
			}
			if group == "loom_console" {
				exec(t, conn, `insert into public.renders (id, campaign_id, variables)
					values (gen_random_uuid(), '11111111-1111-1111-1111-111111111111', '{"first_name": "Ada"}')`)
			}
			if group == "loom_console" || group == "loom_reader" {
				exec(t, conn, "select id, status, warnings, report, error_message from public.renders")
				exec(t, conn, "select count(*) from public.renders")
				// A new column is read by those who read the others.
				const hidden = `select coalesce(string_agg(attname, ' ' order by attname), '') from pg_attribute
					where attrelid = 'public.renders'::regclass and attnum > 0 and not attisdropped
					and not has_column_privilege('public.renders', attname, 'select')`
				if got := get[string](t, conn, hidden); got != "variables" {
					t.Errorf("it may not read %s, want variables alone", got)
				}
			}
		})
	}
}
