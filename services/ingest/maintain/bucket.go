package maintain

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// marks is the prefix of an object for each database that has used the work bucket.
const marks = "loom-database/"

const markText = "A database of loom-lite uses this bucket. This object's name says which: see docs/operations/maintenance.md.\n"

// claimBucket makes sure that no other database has used the work bucket: its objects would be
// taken for orphans. Each database leaves an object that names it. A database that was restored in
// another place, or copied, is another one.
func (m *Maintainer) claimBucket(ctx context.Context) error {
	var id string
	err := m.DB.QueryRow(ctx, `select md5(c.system_identifier || '/' || d.oid) from pg_control_system() as c, pg_database d
		where d.datname = current_database()`).Scan(&id)
	if err != nil {
		return fmt.Errorf("find out which database this is: %w", err)
	}
	mark := marks + id
	found, err := m.Store.Keys(ctx, m.WorkBucket, marks)
	if err != nil {
		return err
	}
	if !slices.Contains(found, mark) {
		if err := m.Store.Put(ctx, m.WorkBucket, mark, "text/plain", []byte(markText)); err != nil {
			return err
		}
		// Of two that do this at the same time, one at least sees the other's.
		if found, err = m.Store.Keys(ctx, m.WorkBucket, marks); err != nil {
			return err
		}
	}
	others := slices.DeleteFunc(found, func(key string) bool { return key == mark })
	if len(others) > 0 {
		return fmt.Errorf("orphaned objects are not collected: another database uses bucket %s, or has used it: give each database a bucket "+
			"of its own; if the other is gone, delete %s", m.WorkBucket, strings.Join(others, ", "))
	}
	return nil
}
