package migrations

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// found is a column as the app has it.
type found struct {
	// declared is the declared type, base its base type, category PostgreSQL's category of it.
	declared, base, category string
	length                   int
	generated, notNull       bool
}

// Fit returns what loom-lite cannot work with in the app's tables. Tables that are missing are no
// problem if the migrations can create them. It changes nothing.
func Fit(ctx context.Context, db DB) ([]Problem, error) {
	var version int
	var server string
	err := db.QueryRow(ctx, "select current_setting('server_version_num')::int, current_setting('server_version')").Scan(&version, &server)
	if err != nil {
		return nil, fmt.Errorf("look at the server: %w", err)
	}
	if version < 140000 {
		return []Problem{{"PostgreSQL", "is version " + server, "14 or later is needed"}}, nil
	}
	tables, problems, err := tables(ctx, db)
	if err != nil {
		return nil, err
	}
	columns, err := columnsOf(ctx, db)
	if err != nil {
		return nil, err
	}
	for _, t := range contract {
		if !slices.Contains(tables, t.table) {
			continue // it is created, or is a problem already
		}
		for _, want := range t.columns {
			have, there := columns[t.table+"."+want.name]
			if p := compare(t.table, want, have, there); p != nil {
				problems = append(problems, *p)
			}
		}
	}
	return problems, nil
}

// tables returns which of the app's tables exist, and what is wrong with them as a whole.
func tables(ctx context.Context, db DB) (there []string, problems []Problem, err error) {
	rows, err := db.Query(ctx, `
		select w.name, coalesce(c.relkind::text, ''), coalesce(
		         (select string_agg(distinct n.nspname, ', ') from pg_class o join pg_namespace n on n.oid = o.relnamespace
		           where o.relname = w.name and o.relkind in ('r', 'p') and n.nspname !~ '^pg_'
		             and exists (select from pg_class j where j.relnamespace = n.oid and j.relname = 'render_jobs')), ''),
		       w.name not in ('renders', 'render_jobs') or exists (
		         select from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attname = 'id'
		          where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indpred is null and i.indnkeyatts = 1
		            and i.indkey[0] = a.attnum)
		  from unnest(array['campaigns', 'scenes', 'renders', 'render_jobs']) with ordinality as w (name, place)
		  left join pg_class c on c.relname = w.name and c.relnamespace = 'public'::regnamespace and c.relkind not in ('i', 'I', 'c', 'S', 't')
		 order by w.place`)
	if err != nil {
		return nil, nil, fmt.Errorf("look at the app's tables: %w", err)
	}
	var name, relkind, elsewhere string
	var keyed bool
	_, err = pgx.ForEachRow(rows, []any{&name, &relkind, &elsewhere, &keyed}, func() error {
		table := "public." + name
		switch {
		case relkind == "" && elsewhere != "":
			problems = append(problems, Problem{table, "is missing, and the schema " + elsewhere + " has a table of that name",
				fmt.Sprintf("alter table %s.%s set schema public (loom-lite works in the schema public)", elsewhere, name)})
		case relkind == "":
		case relkind != "r" && relkind != "p":
			problems = append(problems, Problem{table, "is no table, but a view or a foreign table",
				"give the table itself that name: rows are locked, and ours refer to them"})
		default:
			there = append(there, name)
			if !keyed {
				problems = append(problems, Problem{table + ".id", "is not unique by itself", fmt.Sprintf(
					"alter table %s add unique (id) (a partitioned table takes that only when it is partitioned by id)", table)})
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look at the app's tables: %w", err)
	}
	return there, problems, nil
}

// columnsOf returns the columns of the app's tables, as "table.column".
func columnsOf(ctx context.Context, db DB) (map[string]found, error) {
	rows, err := db.Query(ctx, `
		with recursive types as (
		  select c.relname || '.' || a.attname as name, a.atttypid as declared, a.atttypid as type, a.atttypmod as mod, a.atttypmod as said,
		         a.attgenerated <> '' or a.attidentity = 'a' as generated, a.attnotnull as required
		    from pg_attribute a join pg_class c on c.oid = a.attrelid
		   where c.relnamespace = 'public'::regnamespace and c.relname in ('campaigns', 'scenes', 'renders', 'render_jobs')
		     and a.attnum > 0 and not a.attisdropped
		  union all
		  select s.name, s.declared, t.typbasetype, t.typtypmod, s.said, s.generated, s.required or t.typnotnull
		    from types s join pg_type t on t.oid = s.type where t.typtype = 'd')
		select s.name, format_type(s.declared, s.said), t.typname::text,
		       case when t.typtype = 'e' then 'E' else t.typcategory::text end,
		       case when t.typname in ('varchar', 'bpchar') and s.mod > 4 then s.mod - 4 else 0 end, s.generated, s.required
		  from types s join pg_type t on t.oid = s.type where t.typtype <> 'd'`)
	if err != nil {
		return nil, fmt.Errorf("look at the app's columns: %w", err)
	}
	columns := map[string]found{}
	var name string
	var f found
	_, err = pgx.ForEachRow(rows, []any{&name, &f.declared, &f.base, &f.category, &f.length, &f.generated, &f.notNull}, func() error {
		columns[name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at the app's columns: %w", err)
	}
	return columns, nil
}

// compare returns what is wrong with a column, and nil if nothing is.
func compare(table string, want column, have found, there bool) *Problem {
	what := "public." + table + "." + want.name
	alter := fmt.Sprintf("alter table public.%s ", table)
	problem := func(found, mend string) *Problem { return &Problem{what, found, mend} }
	rename := alter + fmt.Sprintf("rename column %s to app_%s (loom-lite adds a column of that name)", want.name, want.name)
	switch {
	case !there && want.ours:
		return nil
	case !there:
		return problem("is missing", alter+fmt.Sprintf("add column %s %s", want.name, want.make))
	case !want.takes(have) && want.ours:
		return problem(fmt.Sprintf("is of type %s, and must be %s", have.declared, want.kind.name), rename)
	case !want.takes(have):
		return problem(fmt.Sprintf("is of type %s, and must be %s", have.declared, want.kind.name), want.convert(alter, have))
	case have.length > 0 && have.length < want.least:
		return problem(fmt.Sprintf("is of type %s, and must hold %d characters", have.declared, want.least),
			alter+fmt.Sprintf("alter column %s type text", want.name))
	case have.generated && want.ours:
		return problem("is generated, and is written by loom-lite", rename)
	case have.generated && !want.read:
		return problem("is generated, and is written by loom-lite", alter+fmt.Sprintf("alter column %s drop expression", want.name))
	case have.notNull && want.null:
		return problem("may not be null, and is until a render has ended", alter+fmt.Sprintf("alter column %s drop not null", want.name))
	}
	return nil
}

func (k kind) takes(have found) bool {
	switch {
	case k.enum && have.category == "E":
		return true
	case len(k.types) == 0:
		return have.category == "S"
	}
	return k.types[0] == "" || slices.Contains(k.types, have.base)
}

// convert returns how to give a column of the app's the type that it must have.
func (c column) convert(alter string, have found) string {
	if c.types != nil && c.types[0] == "uuid" {
		if have.category == "S" {
			return alter + fmt.Sprintf("alter column %s type uuid using %s::uuid, where it holds UUIDs, with the columns that refer to it", c.name, c.name)
		}
		return fmt.Sprintf("loom-lite's tables, messages and object keys carry UUIDs: give the table an id of type uuid (%sadd column ...), "+
			"and let the other tables refer to that", alter)
	}
	return alter + fmt.Sprintf("alter column %s type %s using %s::%s", c.name, c.make, c.name, c.make)
}

// Ambiguous returns the functions that make the call claim_render_job() ambiguous. The Node worker
// makes that call, ingest does not.
func Ambiguous(ctx context.Context, db DB) ([]Problem, error) {
	rows, err := db.Query(ctx, `
		select p.oid::regprocedure::text from pg_proc p
		 where p.pronamespace = 'public'::regnamespace and p.proname = 'claim_render_job' and p.pronargs > 0
		   and (p.pronargs = p.pronargdefaults or p.provariadic <> 0 and p.pronargs = 1)`)
	if err != nil {
		return nil, fmt.Errorf("look for functions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Problem, error) {
		var name string
		err := row.Scan(&name)
		name = "public." + strings.TrimPrefix(name, "public.")
		return Problem{name, "makes calls of claim_render_job() ambiguous", "drop function " + name}, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for functions: %w", err)
	}
	return list, nil
}
