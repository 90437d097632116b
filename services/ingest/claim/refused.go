package claim

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

const (
	// maxTriesOfOne is how often a job is tried that the database refuses while it accepts others.
	maxTriesOfOne = 5
	// maxTries is how often a job is tried in any case. It takes more than an hour.
	maxTries = 24
)

// handleRefusal handles a job whose claim or plan the database refused. If the data was refused,
// the job fails at once, since another try would be refused too. Any other fault may be repaired
// (by those who changed the schema, for instance): the job is set aside and retried, and fails
// after enough tries. A job that the database refuses even to fail stays set aside.
func (c *Claimer) handleRefusal(ctx context.Context, tx pgx.Tx, claimed Claimed, cause error) (Claimed, error) {
	if ofDatabase(tx, cause) {
		return Claimed{}, cause
	}
	claimed.Cause = cause
	claimed.Invalid = &plan.Invalid{Code: msg.CodeInternal,
		Message: "This render could not be prepared because of an error on our side."}
	if refused(cause) {
		failed, err := c.failed(ctx, tx, claimed)
		if failed || err != nil {
			claimed.Outcome = Refused
			return claimed, err
		}
	}
	claimed.Outcome = SetAside
	var others bool
	err := tx.QueryRow(ctx, "select tries, others from loom.set_job_aside($1::uuid, $2::uuid, $3::text, $4::text)",
		claimed.Job, claimed.Render, postgres.SQLState(cause), words(cause)).Scan(&claimed.Tries, &others)
	if err != nil {
		return Claimed{}, fmt.Errorf("set the job aside: %w", err)
	}
	bound := maxTries
	if others && !waited(cause) {
		bound = maxTriesOfOne
	}
	if claimed.Tries < bound || refused(cause) {
		claimed.Invalid = nil
		return claimed, nil
	}
	failed, err := c.failed(ctx, tx, claimed)
	if failed {
		claimed.Outcome = Refused
	} else {
		claimed.Invalid = nil
	}
	return claimed, err
}

// failed fails a render that cannot be planned. It returns false if the database refuses that too.
func (c *Claimer) failed(ctx context.Context, tx pgx.Tx, claimed Claimed) (bool, error) {
	err := within(ctx, tx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "delete from loom.set_aside where job_id = $1::uuid", claimed.Job); err != nil {
			return err
		}
		return fail(ctx, tx, claimed)
	})
	if err != nil && ofDatabase(tx, err) {
		return false, err
	}
	return err == nil, nil
}

// refused reports whether the data itself was refused, so that another try would fail too: a value
// out of range or of another type, a broken constraint, an exception of a trigger, or an error of
// planning outside the database.
func refused(err error) bool {
	code := postgres.SQLState(err)
	return code == "" || postgres.InClass(code, "22", "23", "P0")
}

// waited reports whether the job failed because of somebody else's work: a lock, a deadlock, or a
// statement that took too long.
func waited(err error) bool {
	code := postgres.SQLState(err)
	return code == queryCanceled || postgres.InClass(code, "40", "55")
}

// queryCanceled is the SQLSTATE of a statement that took too long.
const queryCanceled = "57014"

// ofDatabase reports whether the database as a whole has failed, and not one job: no connection, no
// memory, no right to write anywhere.
func ofDatabase(tx pgx.Tx, err error) bool {
	if lost := new(lostError); errors.As(err, &lost) || tx.Conn().IsClosed() {
		return true
	}
	code := postgres.SQLState(err)
	return code != queryCanceled && postgres.InClass(code, "08", "25", "28", "3D", "53", "57", "58", "XX")
}

// lostError says that the transaction cannot go on.
type lostError struct{ err error }

func (e *lostError) Error() string { return "undo the claim: " + e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// words returns an error for the operator: the message of Postgres, and where it came from.
func words(err error) string {
	text := err.Error()
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		text = fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
		if pg.Where != "" {
			text += ", in " + strings.Join(strings.Fields(pg.Where), " ")
		}
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text[:min(len(text), 2000)], ""), "\x00", "")
}
