package migrations

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// meanings returns columns of the app's that have the name of one of ours and hold values, in a
// database that has never been migrated. Their values mean something else: they would be
// overwritten, or misread.
func meanings(ctx context.Context, tx pgx.Tx) ([]Problem, error) {
	var been bool
	if err := tx.QueryRow(ctx, "select exists (select from pg_namespace where nspname = 'loom')").Scan(&been); err != nil {
		return nil, fmt.Errorf("look for an earlier migration: %w", err)
	}
	if been {
		return nil, nil
	}
	var problems []Problem
	for _, t := range contract {
		for _, c := range t.columns {
			used, err := usedOtherwise(ctx, tx, t.table, c)
			if err != nil {
				return nil, err
			}
			if used {
				column := "public." + t.table + "." + c.name
				problems = append(problems, Problem{column, "has the name of a column of loom-lite's, and holds values already",
					fmt.Sprintf("alter table public.%s rename column %s to app_%s; or, if they are meant for loom-lite, comment on column %s is 'loom-lite'",
						t.table, c.name, c.name, column)})
			}
		}
	}
	return problems, nil
}

func usedOtherwise(ctx context.Context, tx pgx.Tx, table string, c column) (used bool, err error) {
	if !c.ours {
		return false, nil
	}
	var strange bool
	err = tx.QueryRow(ctx, `select exists (select from pg_attribute a join pg_class t on t.oid = a.attrelid
		where t.relnamespace = 'public'::regnamespace and t.relname = $1 and a.attname = $2 and not a.attisdropped
		  and coalesce(col_description(t.oid, a.attnum), '') not like 'loom-lite%')`, table, c.name).Scan(&strange)
	if err == nil && strange {
		err = tx.QueryRow(ctx, fmt.Sprintf("select exists (select from public.%s where %s::text not in ('', '{}', '[]', 'false', 'null', '0'))",
			table, c.name)).Scan(&used)
	}
	if err != nil {
		return false, fmt.Errorf("look at public.%s.%s: %w", table, c.name, err)
	}
	return used, nil
}

// dependants returns what depends on a claim_render_job() that must be dropped because it returns
// another type.
func dependants(ctx context.Context, tx pgx.Tx) ([]Problem, error) {
	rows, err := tx.Query(ctx, `
		select distinct pg_describe_object(d.classid, d.objid, d.objsubid)
		  from pg_proc p join pg_depend d on d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid and d.deptype = 'n'
		 where p.pronamespace = 'public'::regnamespace and p.proname = 'claim_render_job' and p.pronargs = 0
		   and (p.prorettype <> coalesce((select c.reltype from pg_class c where c.relname = 'render_jobs'
		                                     and c.relnamespace = 'public'::regnamespace), 0) or not p.proretset or p.prokind <> 'f')`)
	if err != nil {
		return nil, fmt.Errorf("look for what uses claim_render_job(): %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Problem, error) {
		var what string
		err := row.Scan(&what)
		return Problem{what, "uses a claim_render_job() that returns something else than public.render_jobs, and has to be replaced",
			"drop it, migrate, and make it again: the function returns setof public.render_jobs"}, err
	})
}
