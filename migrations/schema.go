package migrations

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// schema lists what Files make and programs need, as existing names it: an object a line, behind
// the file that makes it. A test compares it with a database, and writes it (-update).
//
//go:embed schema.txt
var schema string

// object is something that a file makes: a table or column, a function, or a value that a check
// allows.
type object struct{ file, name string }

func objects() []object {
	var list []object
	for line := range strings.Lines(schema) {
		file, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		list = append(list, object{file, name})
	}
	return list
}

// existing names what a database has of the objects that files make. Names do not depend on the
// search_path. The files may have been pasted into a SQL editor, so loom.migrations says nothing
// about it.
const existing = `
with ours as (
  select c.oid, n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v')
     and (n.nspname = 'loom' or n.nspname = 'public' and c.relname in ('campaigns', 'scenes', 'renders', 'render_jobs'))
)
select name from ours
union all
select o.name || '.' || a.attname
  from ours o join pg_attribute a on a.attrelid = o.oid where a.attnum > 0 and not a.attisdropped
union all
select o.name || '.' || a.attname || ' = ' || v.value[1]
  from ours o join pg_constraint c on c.conrelid = o.oid and c.contype = 'c'
  join pg_attribute a on a.attrelid = o.oid and c.conkey = array[a.attnum],
       regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_]+)''::text', 'g') as v (value)
 where o.name like 'loom.%'
union all
select n.nspname || '.' || p.proname || '(' || coalesce((
         select string_agg(t.typname, ', ' order by a.place)
           from unnest(p.proargtypes) with ordinality as a (type, place) join pg_type t on t.oid = a.type), '') || ')'
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = 'loom' or n.nspname = 'public' and p.proname = 'claim_render_job'`

// missingObjects returns the objects that a database lacks, in the order of Files. Of a table that
// is missing it names the table alone.
func missingObjects(ctx context.Context, db DB) ([]object, error) {
	found, err := names(ctx, db)
	if err != nil {
		return nil, err
	}
	var list []object
	var table string
	for _, o := range objects() {
		if found[o.name] || table != "" && strings.HasPrefix(o.name, table+".") {
			continue
		}
		if strings.HasPrefix(o.name, "loom.") && strings.Count(o.name, ".") == 1 && !strings.HasSuffix(o.name, ")") {
			table = o.name
		}
		list = append(list, o)
	}
	return list, nil
}

func names(ctx context.Context, db DB) (map[string]bool, error) {
	rows, err := db.Query(ctx, existing)
	if err != nil {
		return nil, fmt.Errorf("look for the schema: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for the schema: %w", err)
	}
	found := make(map[string]bool, len(list))
	for _, name := range list {
		found[name] = true
	}
	return found, nil
}

// filesOf returns the files that make objects, in the order of Files.
func filesOf(list []object) []string {
	return slices.DeleteFunc(slices.Clone(Files), func(file string) bool {
		return !slices.ContainsFunc(list, func(o object) bool { return o.file == file })
	})
}
