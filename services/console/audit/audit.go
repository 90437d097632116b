// Package audit keeps who has changed what. A row is written in the transaction of the change, so
// there is one if and only if the change was made.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// Detail is what else there is to say of a change: no secret, and no options of scenes.
type Detail map[string]any

// ErrNobody says that the context names no principal: what it is about must not happen unseen.
var ErrNobody = errors.New("it is not known who does this")

// Record notes that the principal of ctx does action to target: "render.cancel" to "render/<id>".
// It returns ErrNobody when ctx has none. detail may be nil.
func Record(ctx context.Context, tx pgx.Tx, action, target string, detail Detail) error {
	p, found := access.From(ctx)
	if !found {
		return fmt.Errorf("record %s of %s: %w", action, target, ErrNobody)
	}
	if detail == nil {
		detail = Detail{}
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("record %s of %s: %w", action, target, err)
	}
	_, err = tx.Exec(ctx, `insert into loom.audit (kind, actor, name, address, action, target, detail)
		values ($1::text, $2::text, $3::text, nullif($4::text, ''), $5::text, $6::text, $7::text::jsonb)`,
		string(p.Kind), p.ID, p.Name, p.Address, action, target, string(text))
	if err != nil {
		return fmt.Errorf("record %s of %s: %w", action, target, err)
	}
	return nil
}

// Entry is a row of the audit log.
type Entry struct {
	ID   int64     `json:"id" doc:"Rises with time."`
	At   time.Time `json:"at"`
	Kind string    `json:"kind" enum:"token,session,operator" doc:"How the actor came: with a token of the API, a session of the dashboard, or loom."`
	// Actor is the principal's id, Name what people call it.
	Actor   string  `json:"actor" doc:"The actor's id: of a token, a session's user, or the account on the machine that ran loom."`
	Name    string  `json:"name"`
	Address *string `json:"address" doc:"Where the request came from. Null: loom, on a machine that reaches the database."`
	Action  string  `json:"action" example:"render.cancel"`
	Target  string  `json:"target" example:"render/0199d3b0-5a0e-7c3c-9f0e-0d3f0c5b9a11"`
	Detail  Detail  `json:"detail"`
}

// Filter says which entries are meant: those to which all applies that is set.
type Filter struct {
	Actor, Action, Target string
	// From and Before bound when it was.
	From, Before time.Time
}

// List returns entries, the newest first, at most limit. after is the id of the last entry of the
// page before, or 0.
func List(ctx context.Context, db *pgxpool.Pool, f Filter, after int64, limit int) ([]Entry, error) {
	all := []string{"true"}
	var args []any
	add := func(text string, value any) {
		args = append(args, value)
		all = append(all, fmt.Sprintf(text, len(args)))
	}
	if f.Actor != "" {
		add("actor = $%d::text", f.Actor)
	}
	if f.Action != "" {
		add("action = $%d::text", f.Action)
	}
	if f.Target != "" {
		add("target = $%d::text", f.Target)
	}
	if !f.From.IsZero() {
		add("at >= $%d::timestamptz", f.From)
	}
	if !f.Before.IsZero() {
		add("at < $%d::timestamptz", f.Before)
	}
	if after > 0 {
		add("id < $%d::bigint", after)
	}
	args = append(args, limit)
	rows, _ := db.Query(ctx, "select id, at, kind, actor, name, address, action, target, detail from loom.audit where "+
		strings.Join(all, " and ")+fmt.Sprintf(" order by id desc limit $%d::int", len(args)), args...)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Entry])
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return list, nil
}
