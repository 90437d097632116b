package renders

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// Statuses are those that a render can have.
var Statuses = []string{
	"queued", "recording", "normalizing", "concatenating", "overlaying", "uploading", Done, "failed", "cancelled",
}

// Filter says which renders are meant: those to which all applies that is set.
type Filter struct {
	// Statuses: one of these.
	Statuses []string
	// Stage is record, transcode or upload: renders that are in it, or have failed in it.
	Stage string
	// Codes: the error code is one of these.
	Codes []string
	// Campaign and User are ids, or uuid.Nil. User is the campaign's.
	Campaign, User uuid.UUID
	// Batch is an id, or uuid.Nil: renders of its rows.
	Batch uuid.UUID
	// Text is part of the campaign's name or of the error's message, or the start of the render's
	// id.
	Text string
	// From and Before bound when the render was created.
	From, Before time.Time
}

// Empty reports whether all renders are meant.
func (f Filter) Empty() bool {
	return len(f.Statuses) == 0 && f.Stage == "" && len(f.Codes) == 0 && f.Campaign == uuid.Nil && f.User == uuid.Nil && f.Batch == uuid.Nil && f.Text == "" &&
		f.From.IsZero() && f.Before.IsZero()
}

// inStage are the statuses of renders in a stage.
var inStage = map[string][]string{
	"record": {"recording"}, "transcode": {"normalizing", "concatenating", "overlaying"}, "upload": {"uploading"},
}

// Where returns the filter as a condition on public.renders r, left joined with public.campaigns c.
// Its arguments are appended to args, which the condition numbers on from. It leaves out what the
// principal of ctx may not see.
func (f Filter) Where(ctx context.Context, args []any) (condition string, all []any) {
	conditions := []string{"true"}
	add := func(text string, value any) {
		args = append(args, value)
		conditions = append(conditions, strings.ReplaceAll(text, "$?", fmt.Sprintf("$%d", len(args))))
	}
	if owner := access.Owner(ctx); owner != nil {
		add("c.user_id::text = $?::text", *owner)
	}
	if len(f.Statuses) > 0 {
		add("r.status::text = any ($?::text[])", f.Statuses)
	}
	if f.Stage != "" {
		add("r.status::text = any ($?::text[])", append(slices.Clone(inStage[f.Stage]), "failed"))
		add(`(r.status::text <> 'failed' or exists (
			select from loom.dead_letters d where d.render_id = r.id and loom.stage_of(d.kind) = $?::text and d.settled is distinct from 'replayed'))`, f.Stage)
	}
	if len(f.Codes) > 0 {
		add("r.error_code = any ($?::text[])", f.Codes)
	}
	if f.Campaign != uuid.Nil {
		add("r.campaign_id = $?::uuid", f.Campaign)
	}
	if f.User != uuid.Nil {
		add("c.user_id::text = $?::text", f.User.String())
	}
	if f.Batch != uuid.Nil {
		add("r.id in (select w.render_id from loom.batch_rows w where w.batch_id = $?::uuid)", f.Batch)
	}
	if f.Text != "" {
		add(`(c.name::text ilike $?::text or r.error_message::text ilike $?::text or r.id::text like ltrim(lower($?::text), '%'))`, "%"+Literal(f.Text)+"%")
	}
	if !f.From.IsZero() {
		add("r.created_at >= $?::timestamptz", f.From)
	}
	if !f.Before.IsZero() {
		add("r.created_at < $?::timestamptz", f.Before)
	}
	return strings.Join(conditions, " and "), args
}

// Literal makes of a text a pattern of LIKE that means the text.
func Literal(text string) string { return literal.Replace(text) }

var literal = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// Cursor is a place in a list: behind the last row of a page. To others it is opaque. The empty one
// is the list's beginning, and says of a page that it is the last.
type Cursor string

// ErrCursor says that a text is no cursor.
var ErrCursor = errors.New("this is no cursor of this list")

// place is what a cursor of renders holds.
type place struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// NewCursor returns the cursor behind a row. place is marshalled as JSON.
func NewCursor(place any) Cursor {
	data, err := json.Marshal(place)
	if err != nil {
		panic(err) // it is one of our structs
	}
	return Cursor(base64.RawURLEncoding.EncodeToString(data))
}

// Place unmarshals what NewCursor was given into place. It returns ErrCursor.
func (c Cursor) Place(place any) error {
	data, err := base64.RawURLEncoding.DecodeString(string(c))
	if err == nil {
		decoder := json.NewDecoder(strings.NewReader(string(data)))
		decoder.DisallowUnknownFields()
		if err = decoder.Decode(place); err == nil && decoder.More() {
			err = ErrCursor
		}
	}
	if err != nil {
		return ErrCursor
	}
	return nil
}

// List returns the renders that f means, the newest first, at most limit, and the cursor of the
// next page. It begins behind after. Renders that are created meanwhile are on no page that
// follows.
func List(ctx context.Context, db *pgxpool.Pool, f Filter, after Cursor, limit int) (list []Render, next Cursor, err error) {
	condition, args := f.Where(ctx, nil)
	if after != "" {
		var p place
		if err := after.Place(&p); err != nil || p.At.IsZero() {
			return nil, "", ErrCursor
		}
		args = append(args, p.At, p.ID)
		condition += fmt.Sprintf(" and (r.created_at, r.id) < ($%d::timestamptz, $%d::uuid)", len(args)-1, len(args))
	}
	args = append(args, limit+1)
	rows, _ := db.Query(ctx, selectRender+"where "+condition+fmt.Sprintf(" order by r.created_at desc, r.id desc limit $%d::int", len(args)), args...)
	list, err = pgx.CollectRows(rows, scanRender)
	if err != nil {
		return nil, "", explain("list renders", err)
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = NewCursor(place{last.CreatedAt, last.ID})
	}
	return list, next, nil
}
