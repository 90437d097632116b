package migrations

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Groups returns a problem for each group of 0012_roles.sql that the server does not have: the role
// that migrated may not create roles. Services need no groups: any role with their rights will do.
func Groups(ctx context.Context, db DB) ([]Problem, error) {
	rows, err := db.Query(ctx, `select g.name from unnest(array['loom_ingest', 'loom_uploader', 'loom_reader']) as g (name)
		 where not exists (select from pg_roles where rolname = g.name)`)
	if err != nil {
		return nil, fmt.Errorf("look for groups: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	return []Problem{{
		What: "role " + strings.Join(missing, ", "), Found: "could not be created by this role, which may not create roles",
		Mend: "as a role that may: create role " + strings.Join(missing, " nologin; create role ") + " nologin; then as this one: select loom.grant_groups()",
	}}, nil
}
