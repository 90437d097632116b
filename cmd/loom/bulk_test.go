package main

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestAllThatMatchAreRetriedOrCancelled(t *testing.T) {
	bothWays(t, 0, func(t *testing.T, db *pgxpool.Pool, environ map[string]string, _ []uuid.UUID) {
		if _, err := db.Exec(t.Context(), `with c as (insert into campaigns (name) values ('spring') returning id)
			insert into renders (campaign_id, status, error_code) select c.id, 'failed', 'scene_timeout' from c, generate_series(1, 5)`); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(t.Context(), `with c as (insert into campaigns (name) values ('autumn') returning id),
			r as (insert into renders (campaign_id, status) select id, 'queued' from c returning id)
			insert into render_jobs (render_id, state) select id, 'queued' from r`); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			args   string
			status int
			want   string
		}{
			{"retry", statusUsage, "use --all with what they must match"},
			{"retry --status failed", statusUsage, "use --all with what they must match"},
			{"retry --all", statusUsage, "the filter is empty"},
			{"retry --all --status failed 0199", statusUsage, "not both"},
			{"cancel --all --text spring --dry-run", statusDone, "5 renders match, and cancel would change 0 of them"},
			{"retry --all --status failed --code scene_timeout --dry-run", statusDone, "would change 5 of them"},
			{"retry --all --status failed --code scene_timeout", statusDone, "5 of 5 changed, 0 needed no change, 0 could not be changed"},
			{"retry --all --text spring --json", statusDone, `"total": 0`},
			{"priority --all --text spring", statusUsage, "--to"},
			{"priority --to 7 --text spring", statusUsage, "use --all with what they must match"},
			{"priority --to 7 --all", statusUsage, "the filter is empty"},
			{"priority --to 1001 --all --status queued", statusFailed, "1000"},
			{"priority --to=-7 --all --status queued --dry-run", statusDone, "1 renders match, and priority would change 1 of them"},
			{"priority --to=-7 --all --status queued", statusDone, "1 of 1 changed"},
		} {
			status, stdout, stderr := loom(t, environ, strings.Fields(c.args)...)
			if status != c.status || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("loom %s ends with %d, and prints %s%s", c.args, status, stdout, stderr)
			}
		}
		if n := scan[int](t, db, "select count(*)::int from render_jobs where state = 'queued'"); n != 6 {
			t.Errorf("there are %d jobs", n)
		}
		if n := scan[int](t, db, "select sum(priority)::int from render_jobs"); n != -7 {
			t.Errorf("their priorities are %d", n)
		}
	})
}
