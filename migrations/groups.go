package migrations

import (
	"context"
	"fmt"
	"strings"
)

// Groups returns a problem for the groups of 0012_roles.sql that the server does not have: the role
// that migrated may not create roles. Services need no groups: any role with their rights will do.
// It also returns one for schemas on the path in which the uploader or the console may create
// something: it could lead the app's triggers astray, which run as the owner when the one closes a
// render and the other cancels it.
func Groups(ctx context.Context, db DB) ([]Problem, error) {
	var missing []string
	var open string
	err := db.QueryRow(ctx, `
		select array(select g.name from unnest(array['loom_ingest', 'loom_uploader', 'loom_reader', 'loom_console', 'loom_scaler']) as g (name)
		              where not exists (select from pg_roles where rolname = g.name)),
		       coalesce((select string_agg(quote_ident(n.nspname), ', ' order by n.nspname)
		                   from pg_namespace n
		                  where n.nspname = any (current_schemas(false))
		                    and exists (select from pg_roles r where r.rolname in ('loom_uploader', 'loom_console')
		                                                         and has_schema_privilege(r.oid, n.oid, 'create'))), '')`).
		Scan(&missing, &open)
	if err != nil {
		return nil, fmt.Errorf("look for groups: %w", err)
	}
	var problems []Problem
	if len(missing) > 0 {
		problems = append(problems, Problem{
			What: "role " + strings.Join(missing, ", "), Found: "could not be created by this role, which may not create roles",
			Mend: "as a role that may: create role " + strings.Join(missing, " nologin; create role ") + " nologin; then as this one: select loom.grant_groups()",
		})
	}
	if open != "" {
		problems = append(problems, Problem{
			What: "schema " + open, Found: "lets loom_uploader or loom_console create functions, which the app's triggers may call in place of others",
			Mend: "revoke create on schema " + open + " from public",
		})
	}
	return problems, nil
}
