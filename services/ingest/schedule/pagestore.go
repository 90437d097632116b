package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// pageStore reads and changes the pages of preflights, through the functions of
// migrations/0019_preflight.sql.
type pageStore struct {
	db    *pgxpool.Pool
	lease time.Duration
}

// duePage is a page to publish.
type duePage struct {
	msg.Ref
	attempt int
	idle    time.Duration // since it became due, or since its lease ended
}

// due lists the pages that can be granted. lapsed is as in taskStore.grant.
func (p pageStore) due(ctx context.Context, lapsed *time.Time, limit int) ([]duePage, error) {
	rows, err := p.db.Query(ctx, `select preflight_id, id, attempt, idle from loom.due_pages($1::timestamptz, make_interval(secs => $2::float8), $3::int)`,
		lapsed, p.lease.Seconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("list pages of preflights: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (page duePage, err error) {
		page.Ref = msg.Ref{Version: msg.Version, Kind: msg.Preflight}
		var idle float64
		err = row.Scan(&page.RenderID, &page.TaskID, &page.attempt, &idle)
		page.idle = time.Duration(idle * float64(time.Second))
		return page, err
	})
	if err != nil {
		return nil, fmt.Errorf("list pages of preflights: %w", err)
	}
	return list, nil
}

// pictureFile is what a page's picture is called, in the folder of its attempt.
var pictureFile = plan.Output{File: "picture.jpg", ContentType: "image/jpeg"}

// grant grants a page. lapsed is as in taskStore.grant.
func (p pageStore) grant(ctx context.Context, r msg.GrantRequest, lapsed *time.Time) (granted, error) {
	g := granted{inputs: map[string]grantedInput{}, outputs: map[string]plan.Output{msg.Picture: pictureFile}}
	var verdict string
	var after float64
	var params *string
	err := p.db.QueryRow(ctx, `
		select verdict, coalesce(reason, ''), coalesce(extract(epoch from retry_after), 0)::float8, attempt, params::text
		  from loom.grant_page($1::uuid, $2::text, $3::uuid, make_interval(secs => $4::float8), $5::timestamptz)`,
		r.TaskID, clean(r.Worker, 200), r.RequestID, p.lease.Seconds(), lapsed).Scan(&verdict, &g.reason, &after, &g.attempt, &params)
	if err != nil {
		return granted{}, fmt.Errorf("grant a page: %w", err)
	}
	g.verdict, g.after = msg.Verdict(verdict), time.Duration(after*float64(time.Second))
	if params == nil {
		return g, nil
	}
	var invalid *plan.Invalid
	g.params, invalid, err = pageParams([]byte(*params))
	if err != nil || invalid == nil {
		return g, err
	}
	// Its campaign cannot be rendered: that is what there is to say of the page.
	failed := p.fail(ctx, r.Ref, g.attempt, msg.Failure{Code: invalid.Code, Message: invalid.Message, Permanent: true})
	if err := failed.Scan(&verdict); err != nil {
		return granted{}, fmt.Errorf("close a page: %w", err)
	}
	return granted{verdict: msg.Drop, reason: "its campaign cannot be rendered"}, nil
}

// pageParams returns what a recorder is told of a page, or why no video can be made of it.
func pageParams(stored []byte) (json.RawMessage, *plan.Invalid, error) {
	var page struct {
		Scene    int           `json:"scene"`
		Campaign plan.Campaign `json:"campaign"`
	}
	if err := json.Unmarshal(stored, &page); err != nil {
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &mistyped) {
			if invalid := plan.Mistyped(strings.TrimPrefix(mistyped.Field, "campaign.")); invalid != nil {
				return nil, invalid, nil
			}
		}
		return nil, nil, fmt.Errorf("read a page: %w", err)
	}
	r, invalid := plan.Read(page.Campaign.WithSamples(), pageLimits)
	if invalid != nil {
		// The campaign has this scene alone.
		invalid.Message = onlyScene.ReplaceAllString(invalid.Message, "${1}cene "+strconv.Itoa(page.Scene))
		return nil, invalid, nil
	}
	s := r.Scenes[0]
	width, height := s.Options.Picture(r.Width, r.Height)
	params, err := json.Marshal(msg.PreflightParams{Scene: page.Scene, URL: s.URL, Width: width, Height: height, Options: s.Options})
	if err != nil {
		return nil, nil, fmt.Errorf("write a page: %w", err)
	}
	return params, nil, nil
}

// pageLimits are those of the longest scene that any installation has: how long it lasts is no
// matter here.
var pageLimits = plan.Limits{Scene: time.Hour, Render: time.Hour}

var onlyScene = regexp.MustCompile(`\b([Ss])cene 1\b`)

// heartbeat renews a page's lease.
func (p pageStore) heartbeat(ctx context.Context, h msg.Heartbeat) (wanted bool, err error) {
	err = p.db.QueryRow(ctx, "select loom.heartbeat_page($1::uuid, $2::int, make_interval(secs => $3::float8))",
		h.TaskID, h.Attempt, p.lease.Seconds()).Scan(&wanted)
	if err != nil {
		return false, fmt.Errorf("renew the lease of a page: %w", err)
	}
	return wanted, nil
}

// apply writes a result, and returns the database's verdict.
func (p pageStore) apply(ctx context.Context, r msg.Result) (verdict string, err error) {
	var row pgx.Row
	switch r.Outcome {
	case msg.Done:
		// The key is formed here: a worker cannot name objects of others.
		row = p.db.QueryRow(ctx, "select loom.finish_page($1::uuid, $2::int, $3::text::jsonb, $4::text)",
			r.TaskID, r.Attempt, clean(string(r.Facts), msg.MaxSize), objectKey(r.Ref, r.Attempt, pictureFile.File))
	case msg.HandedBack:
		row = p.handBack(ctx, r.Ref, r.Attempt, r.Reason)
	default:
		row = p.fail(ctx, r.Ref, r.Attempt, *r.Failure)
	}
	if err := row.Scan(&verdict); err != nil {
		return "", fmt.Errorf("close a page: %w", err)
	}
	return verdict, nil
}

func (p pageStore) fail(ctx context.Context, r msg.Ref, attempt int, f msg.Failure) pgx.Row {
	return p.db.QueryRow(ctx, "select loom.fail_page($1::uuid, $2::int, $3::text, $4::text, $5::text, $6::boolean)",
		r.TaskID, attempt, clean(string(f.Code), 100), clean(f.Message, 1000), clean(f.Detail, 16<<10), f.Permanent)
}

func (p pageStore) handBack(ctx context.Context, r msg.Ref, attempt int, reason string) pgx.Row {
	return p.db.QueryRow(ctx, "select loom.hand_back_page($1::uuid, $2::int, $3::text)", r.TaskID, attempt, clean(reason, 1000))
}
