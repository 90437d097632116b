package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
)

// DB is what this package needs of the database.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

var (
	// ErrNotFound says that there is no such endpoint or delivery that the principal may see.
	ErrNotFound = errors.New("there is none with this id")
	// ErrTaken says that the id of a new endpoint is that of one that the principal may not see.
	ErrTaken = errors.New("the id is another endpoint's")
	// ErrVersion says that the endpoint has changed since it was read.
	ErrVersion = errors.New("it has changed meanwhile")
	// ErrDisabled says that the endpoint is sent nothing.
	ErrDisabled = errors.New("the endpoint is disabled")
)

// Endpoint is where events are sent to.
type Endpoint struct {
	ID          uuid.UUID `json:"id"`
	URL         string    `json:"url"`
	Description string    `json:"description"`
	// Events are the types that it gets.
	Events []string `json:"events"`
	// UserID: it gets events of this user's campaigns alone.
	UserID    *uuid.UUID `json:"user_id" nullable:"true"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	Version   int        `json:"version"`
	// DisabledAt is since when it gets nothing, and DisabledWhy is gone (it answered 410) or asked.
	DisabledAt  *time.Time `json:"disabled_at"`
	DisabledWhy *string    `json:"disabled_why"`
	// Failing counts the attempts that have failed since the last one that did not.
	Failing int `json:"failing"`
	// SecretExpiresAt is until when signatures are made with the last secret, too.
	SecretExpiresAt *time.Time `json:"secret_expires_at"`
}

const (
	maxURL         = 2048
	maxDescription = 500
	// maxOverlap bounds how long two secrets are used.
	maxOverlap = 7 * 24 * time.Hour
)

// InvalidError says which field of an endpoint is wrong.
type InvalidError struct{ Field, Text string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Text }

// CheckURL returns what is wrong with the URL of an endpoint. Whether it may be reached is known
// when it is connected to.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	wrong := ""
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		wrong = "this is not an http or https URL"
	case u.User != nil:
		wrong = "user names and passwords in URLs are not supported: signatures show who sends"
	case u.Fragment != "":
		wrong = "the part behind # is not sent"
	case len(text) > maxURL:
		wrong = fmt.Sprintf("it is longer than %d characters", maxURL)
	default:
		return nil
	}
	return &InvalidError{"url", wrong}
}

func checkTypes(types []string) error {
	if len(types) == 0 {
		return &InvalidError{"events", "there is none"}
	}
	for _, t := range types {
		if !slices.Contains(Types, t) {
			return &InvalidError{"events", fmt.Sprintf("there is no %q: they are %s", t, strings.Join(Types, ", "))}
		}
	}
	return nil
}

// checkOwned returns an error if an endpoint of a user's asks for what is nobody's.
func checkOwned(user *uuid.UUID, types []string) error {
	if user != nil && (slices.Contains(types, AlertOpened) || slices.Contains(types, AlertClosed)) {
		return &InvalidError{"events", "alerts are about the whole installation: an endpoint of one user does not get them"}
	}
	return nil
}

func checkDescription(text string) error {
	if len(text) > maxDescription || strings.ContainsRune(text, 0) {
		return &InvalidError{"description", fmt.Sprintf("it is longer than %d bytes", maxDescription)}
	}
	return nil
}

// NewEndpoint is what an endpoint is made of.
type NewEndpoint struct {
	URL, Description string
	// Events: nil asks for DefaultTypes.
	Events []string
	User   *uuid.UUID
	// Secret: nil makes one.
	Secret Secret
}

// Create makes an endpoint with an id that the caller has chosen. Its secret is returned, and never
// shown again. If there is one with this id, it gets a new secret: its request is sent again, and
// the answer with the first one did not arrive.
func Create(ctx context.Context, db DB, keeper *Keeper, id uuid.UUID, n NewEndpoint) (e Endpoint, secret Secret, err error) {
	if n, err = n.checked(); err != nil {
		return e, nil, err
	}
	create := func(tx pgx.Tx) error {
		if _, err := get(ctx, tx, id); err == nil {
			e, err = rotate(ctx, tx, keeper, id, n.Secret, 0)
			return err
		}
		e, err = add(ctx, tx, keeper, id, n)
		return err
	}
	err = pgx.BeginFunc(ctx, db, create)
	if postgres.SQLState(err) == uniqueViolation { // the same call came twice at once, or it is another's
		err = pgx.BeginFunc(ctx, db, create)
	}
	switch {
	case postgres.SQLState(err) == uniqueViolation:
		return Endpoint{}, nil, fmt.Errorf("create endpoint: %w", ErrTaken)
	case err != nil:
		return Endpoint{}, nil, fmt.Errorf("create endpoint: %w", err)
	}
	return e, n.Secret, nil
}

// checked returns n with what it leaves open, or an error that says what is wrong with it.
func (n NewEndpoint) checked() (NewEndpoint, error) {
	if n.Events == nil {
		n.Events = DefaultTypes
	}
	if n.Secret == nil {
		n.Secret = NewSecret()
	}
	return n, errors.Join(CheckURL(n.URL), checkTypes(n.Events), checkOwned(n.User, n.Events), checkDescription(n.Description))
}

// add makes an endpoint. It is an error if there is one with this id.
func add(ctx context.Context, tx pgx.Tx, keeper *Keeper, id uuid.UUID, n NewEndpoint) (Endpoint, error) {
	_, err := tx.Exec(ctx, "select loom.add_endpoint($1::uuid, $2::text, $3::text, $4::text[], $5::uuid, $6::bytea)",
		id, n.URL, n.Description, n.Events, n.User, keeper.seal(id, n.Secret))
	if err != nil {
		return Endpoint{}, err
	}
	e, err := get(ctx, tx, id)
	if err != nil {
		return Endpoint{}, err
	}
	return e, audit.Record(ctx, tx, "webhook_endpoint.create", target(id), audit.Detail{"host": host(n.URL), "events": n.Events, "user_id": n.User})
}

// target is what the audit log calls an endpoint.
func target(id uuid.UUID) string { return "webhook_endpoint/" + id.String() }

// host is what of a URL may be seen by everybody: its path may give access.
func host(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Host
}

// Masked returns the URL of an endpoint without what may give access.
func (e Endpoint) Masked() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/…"
}

// Ensure makes an endpoint with this id, or gives the one that is there the URL and, if there is
// one, the secret. Consoles may do so at once.
func Ensure(ctx context.Context, db DB, keeper *Keeper, id uuid.UUID, n NewEndpoint) error {
	e, err := Get(ctx, db, id)
	if errors.Is(err, ErrNotFound) {
		if made, err := makeOne(ctx, db, keeper, id, n); made || err != nil {
			return err
		}
		e, err = Get(ctx, db, id)
	}
	if err != nil {
		return err
	}
	if e.URL != n.URL {
		if _, err := Edit(ctx, db, id, Change{URL: &n.URL}); err != nil {
			return err
		}
	}
	if n.Secret == nil {
		return nil
	}
	var stored []byte
	err = db.QueryRow(ctx, "select secret from loom.webhook_secrets where endpoint_id = $1::uuid order by created_at desc limit 1", id).Scan(&stored)
	if err != nil {
		return fmt.Errorf("read the secret: %w", err)
	}
	if now, err := keeper.open(id, stored); err == nil && bytes.Equal(now, n.Secret) {
		return nil
	}
	_, _, err = Rotate(ctx, db, keeper, id, n.Secret, 0)
	return err
}

// makeOne makes an endpoint, and reports whether it has: one that another console makes meanwhile
// keeps its secret.
func makeOne(ctx context.Context, db DB, keeper *Keeper, id uuid.UUID, n NewEndpoint) (made bool, err error) {
	if n, err = n.checked(); err != nil {
		return false, err
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := add(ctx, tx, keeper, id, n)
		return err
	})
	switch {
	case postgres.SQLState(err) == uniqueViolation:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("create endpoint: %w", err)
	}
	return true, nil
}

// uniqueViolation is the SQLSTATE of a key that is there already.
const uniqueViolation = "23505"

const endpointColumns = `e.id, e.url, e.description, e.events, e.user_id, e.created_at, e.updated_at, e.version, e.disabled_at, e.disabled_why,
	e.failing, (select max(s.expires_at) from loom.webhook_secrets s where s.endpoint_id = e.id and s.expires_at > clock_timestamp())`

// visible is true for the endpoints e that the principal may see, if $2 is access.Owner.
const visible = "($2::text is null or e.user_id::text = $2::text)"

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Get returns an endpoint.
func Get(ctx context.Context, db DB, id uuid.UUID) (Endpoint, error) { return get(ctx, db, id) }

func get(ctx context.Context, db querier, id uuid.UUID) (Endpoint, error) {
	rows, _ := db.Query(ctx, "select "+endpointColumns+" from loom.webhook_endpoints e where e.id = $1::uuid and "+visible, id, access.Owner(ctx))
	e, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Endpoint])
	if errors.Is(err, pgx.ErrNoRows) {
		return e, fmt.Errorf("endpoint %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return e, fmt.Errorf("read endpoint: %w", err)
	}
	return e, nil
}

// Endpoints lists the endpoints, the newest first, those after the last one of the page before if
// one is given.
func Endpoints(ctx context.Context, db DB, after *Place, limit int) ([]Endpoint, error) {
	at, id := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), uuid.Max
	if after != nil {
		at, id = after.At, after.ID
	}
	rows, _ := db.Query(ctx, "select "+endpointColumns+` from loom.webhook_endpoints e
		where (e.created_at, e.id) < ($3::timestamptz, $1::uuid) and `+visible+" order by e.created_at desc, e.id desc limit $4::int",
		id, access.Owner(ctx), at, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Endpoint])
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	return list, nil
}

// Change is what is changed of an endpoint; nil fields stay.
type Change struct {
	URL, Description *string
	Events           []string
	Enabled          *bool
	// Version is the one that was read; nil: whichever there is.
	Version *int
}

// Edit changes an endpoint. It returns ErrVersion if somebody else has changed it meanwhile.
func Edit(ctx context.Context, db DB, id uuid.UUID, c Change) (e Endpoint, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if e, err = get(ctx, tx, id); err != nil {
			return err
		}
		if err := c.check(e); err != nil {
			return err
		}
		var version *int
		err := tx.QueryRow(ctx, "select loom.change_endpoint($1::uuid, $2::int, $3::text, $4::text, $5::text[], $6::boolean)",
			id, c.Version, c.URL, c.Description, c.Events, c.Enabled).Scan(&version)
		if err != nil {
			return err
		}
		if version == nil {
			return ErrVersion
		}
		if e, err = get(ctx, tx, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "webhook_endpoint.change", target(id), audit.Detail{"host": host(e.URL), "events": e.Events, "enabled": e.DisabledAt == nil})
	})
	if err != nil {
		return Endpoint{}, fmt.Errorf("change endpoint: %w", err)
	}
	return e, nil
}

// check returns what is wrong with a change of e.
func (c Change) check(e Endpoint) (err error) {
	if c.URL != nil {
		err = CheckURL(*c.URL)
	}
	if c.Events != nil {
		err = errors.Join(err, checkTypes(c.Events), checkOwned(e.UserID, c.Events))
	}
	if c.Description != nil {
		err = errors.Join(err, checkDescription(*c.Description))
	}
	return err
}

// Rotate gives an endpoint a new secret, which is returned and never shown again; nil makes one.
// For overlap, messages are signed with the last one too.
func Rotate(ctx context.Context, db DB, keeper *Keeper, id uuid.UUID, secret Secret, overlap time.Duration) (e Endpoint, now Secret, err error) {
	if overlap < 0 || overlap > maxOverlap {
		return e, nil, &InvalidError{"overlap_seconds", fmt.Sprintf("it is at most %d", int(maxOverlap.Seconds()))}
	}
	if secret == nil {
		secret = NewSecret()
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := get(ctx, tx, id); err != nil {
			return err
		}
		e, err = rotate(ctx, tx, keeper, id, secret, overlap)
		return err
	})
	if err != nil {
		return Endpoint{}, nil, fmt.Errorf("rotate secret: %w", err)
	}
	return e, secret, nil
}

func rotate(ctx context.Context, tx pgx.Tx, keeper *Keeper, id uuid.UUID, secret Secret, overlap time.Duration) (Endpoint, error) {
	var found bool
	err := tx.QueryRow(ctx, "select loom.rotate_secret($1::uuid, $2::bytea, make_interval(secs => $3::float8))",
		id, keeper.seal(id, secret), overlap.Seconds()).Scan(&found)
	if err == nil && !found {
		err = ErrNotFound
	}
	if err == nil {
		err = audit.Record(ctx, tx, "webhook_endpoint.rotate", target(id), audit.Detail{"overlap_seconds": overlap.Seconds()})
	}
	if err != nil {
		return Endpoint{}, err
	}
	return get(ctx, tx, id)
}

// Delete deletes an endpoint, and what it was sent.
func Delete(ctx context.Context, db DB, id uuid.UUID) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		e, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "select loom.delete_endpoint($1::uuid)", id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "webhook_endpoint.delete", target(id), audit.Detail{"host": host(e.URL)})
	})
	if err != nil {
		return fmt.Errorf("delete endpoint: %w", err)
	}
	return nil
}

// Test sends an event to an endpoint and to no other. It returns the event's id.
func Test(ctx context.Context, db DB, id uuid.UUID) (event uuid.UUID, err error) {
	data, err := json.Marshal(TestData{id, "This is a test: nothing has happened."})
	if err != nil {
		return uuid.Nil, fmt.Errorf("write the event: %w", err)
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		e, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		if e.DisabledAt != nil {
			return ErrDisabled
		}
		err = tx.QueryRow(ctx, "select loom.write_event($1::text, $2::text::jsonb, null, $3::uuid)", EndpointTest, string(data), id).Scan(&event)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, "webhook_endpoint.test", target(id), audit.Detail{"event_id": event})
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("test endpoint: %w", err)
	}
	return event, nil
}
