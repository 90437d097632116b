package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
)

// States of a delivery.
const (
	Pending   = "pending"
	Delivered = "delivered"
	Dead      = "dead"
)

// Delivery is an event that an endpoint is to get.
type Delivery struct {
	ID         uuid.UUID `json:"id"`
	EndpointID uuid.UUID `json:"endpoint_id"`
	// EventID is the webhook-id of its requests.
	EventID  uuid.UUID  `json:"event_id"`
	Type     string     `json:"type"`
	RenderID *uuid.UUID `json:"render_id" nullable:"true"`
	// State is pending, delivered or dead.
	State    string `json:"state"`
	Attempts int    `json:"attempts"`
	// NextAt is when it is tried next; null unless it is pending.
	NextAt *time.Time `json:"next_at"`
	// Status is the last answer's, and Error why the last attempt failed.
	Status    *int       `json:"status"`
	Error     *string    `json:"error"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

// Attempt is one request of a delivery.
type Attempt struct {
	Attempt int        `json:"attempt"`
	BeganAt time.Time  `json:"began_at"`
	EndedAt *time.Time `json:"ended_at"`
	Status  *int       `json:"status"`
	Error   *string    `json:"error"`
	// Response is the beginning of the answer's body.
	Response *string `json:"response"`
}

// DeliveryInFull is a delivery with what is sent and what was answered.
type DeliveryInFull struct {
	Delivery
	// Body is sent byte for byte.
	Body  string    `json:"body"`
	Tries []Attempt `json:"tries"`
}

// Filter says which deliveries are meant: those to which all applies that is set.
type Filter struct {
	IDs      []uuid.UUID
	Endpoint *uuid.UUID
	Render   *uuid.UUID
	Event    *uuid.UUID
	States   []string
	Types    []string
	// Since and Before bound when the event happened.
	Since, Before time.Time
}

// Empty reports whether the filter means all deliveries.
func (f Filter) Empty() bool {
	return f.IDs == nil && f.Endpoint == nil && f.Render == nil && f.Event == nil && f.States == nil && f.Types == nil &&
		f.Since.IsZero() && f.Before.IsZero()
}

// where returns the filter as a condition on d, v and e, with its arguments. It leaves out what the
// principal of ctx may not see.
func (f Filter) where(ctx context.Context) (condition string, args []any) {
	all := []string{"true"}
	add := func(text string, value any) {
		args = append(args, value)
		all = append(all, fmt.Sprintf(text, len(args)))
	}
	for text, id := range map[string]*uuid.UUID{
		"d.endpoint_id = $%d::uuid": f.Endpoint, "v.render_id = $%d::uuid": f.Render, "d.event_id = $%d::uuid": f.Event,
	} {
		if id != nil {
			add(text, *id)
		}
	}
	if owner := access.Owner(ctx); owner != nil {
		add("e.user_id::text = $%d::text", *owner)
	}
	if f.IDs != nil {
		add("d.id = any ($%d::text[]::uuid[])", texts(f.IDs))
	}
	if f.States != nil {
		add("d.state = any ($%d::text[])", f.States)
	}
	if f.Types != nil {
		add("v.type = any ($%d::text[])", f.Types)
	}
	if !f.Since.IsZero() {
		add("d.created_at >= $%d::timestamptz", f.Since)
	}
	if !f.Before.IsZero() {
		add("d.created_at < $%d::timestamptz", f.Before)
	}
	return strings.Join(all, " and "), args
}

const fromDeliveries = ` from loom.webhook_deliveries d join loom.webhook_events v on v.id = d.event_id
	join loom.webhook_endpoints e on e.id = d.endpoint_id where `

// Place is a delivery's place in the list.
type Place struct {
	At time.Time
	ID uuid.UUID
}

// Deliveries lists deliveries, the newest first, those behind a place if one is given.
func Deliveries(ctx context.Context, db DB, f Filter, after *Place, limit int) ([]Delivery, error) {
	condition, args := f.where(ctx)
	if after != nil {
		args = append(args, after.At, after.ID)
		condition += fmt.Sprintf(" and (d.created_at, d.id) < ($%d::timestamptz, $%d::uuid)", len(args)-1, len(args))
	}
	args = append(args, limit)
	rows, _ := db.Query(ctx, `select d.id, d.endpoint_id, d.event_id, v.type, v.render_id, d.state, d.attempt,
		case when d.state = 'pending' then d.next_at end, d.status, d.error, d.created_at, d.ended_at`+fromDeliveries+condition+
		fmt.Sprintf(" order by d.created_at desc, d.id desc limit $%d::int", len(args)), args...)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Delivery])
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// InFull returns a delivery with all that is known of it.
func InFull(ctx context.Context, db DB, id uuid.UUID) (d DeliveryInFull, err error) {
	list, err := Deliveries(ctx, db, Filter{IDs: []uuid.UUID{id}}, nil, 1)
	if err != nil {
		return d, err
	}
	if len(list) == 0 {
		return d, fmt.Errorf("delivery %s: %w", id, ErrNotFound)
	}
	d.Delivery = list[0]
	var data json.RawMessage
	var at time.Time
	err = db.QueryRow(ctx, "select data, created_at from loom.webhook_events where id = $1::uuid", d.EventID).Scan(&data, &at)
	if err != nil {
		return d, fmt.Errorf("read the event: %w", err)
	}
	text, err := body(d.Type, at, data)
	if err != nil {
		return d, err
	}
	d.Body = string(text)
	rows, _ := db.Query(ctx, `select attempt, began_at, ended_at, status, error, response from loom.webhook_attempts
		where delivery_id = $1::uuid order by attempt`, id)
	d.Tries, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Attempt])
	if err != nil {
		return d, fmt.Errorf("read attempts: %w", err)
	}
	return d, nil
}

// resendMost bounds how many deliveries one statement sends again, and ResendMost one call.
const (
	resendMost = 500
	ResendMost = 10_000
)

var (
	// ErrEmptyFilter says that a filter means everything.
	ErrEmptyFilter = errors.New("an empty filter would send everything again: name what is meant")
	// ErrTooMany says that a filter means more than one call sends again.
	ErrTooMany = fmt.Errorf("more than %d deliveries are meant: name fewer", ResendMost)
)

// Resend has deliveries sent again at once, each with the same webhook-id. It returns how many.
// What is under way is left, and so is what is for an endpoint that is disabled.
func Resend(ctx context.Context, db DB, f Filter) (sent int, err error) {
	if f.Empty() {
		return 0, ErrEmptyFilter
	}
	condition, args := f.where(ctx)
	rows, _ := db.Query(ctx, "select d.id"+fromDeliveries+condition+fmt.Sprintf(" order by d.created_at, d.id limit %d", ResendMost+1), args...)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, fmt.Errorf("list deliveries: %w", err)
	}
	if len(ids) > ResendMost {
		return 0, ErrTooMany
	}
	for part := range slices.Chunk(ids, resendMost) {
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			rows, _ := tx.Query(ctx, "select loom.resend_deliveries($1::text[]::uuid[])::text", texts(part))
			done, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			sent += len(done)
			if len(done) == 0 {
				return nil
			}
			return audit.Record(ctx, tx, "webhook_delivery.resend", resendTarget(done), audit.Detail{"deliveries": len(done)})
		})
		if err != nil {
			return sent, fmt.Errorf("send again: %w", err)
		}
	}
	return sent, nil
}

// resendTarget is what the audit log calls deliveries.
func resendTarget(ids []string) string {
	if len(ids) == 1 {
		return "webhook_delivery/" + ids[0]
	}
	return "webhook_deliveries"
}

// texts are ids as every connection takes them, also one through a pooler.
func texts(ids []uuid.UUID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return list
}
