package migrations

import (
	"context"
	"fmt"
)

// Version is the version of the schema that Files make, as schema_version.sql has it.
const Version = 61

// SchemaVersion returns the version of a database's schema: 0 if the database has not been migrated
// or was migrated before schemas had a version. A later version than Version is that of a newer
// program. This program works on it too, since changes to the schema are additive.
func SchemaVersion(ctx context.Context, db DB) (version int, err error) {
	var there bool
	if err := db.QueryRow(ctx, "select to_regprocedure('loom.schema_version()') is not null").Scan(&there); err != nil {
		return 0, fmt.Errorf("look for the schema's version: %w", err)
	}
	if !there {
		return 0, nil
	}
	if err := db.QueryRow(ctx, "select loom.schema_version()").Scan(&version); err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return version, nil
}
