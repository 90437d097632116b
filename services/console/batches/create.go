package batches

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/sheet"
)

// target is whose renders a request makes.
type target struct {
	campaign uuid.UUID
	name     string
	user     *uuid.UUID
	values   values
	scenes   []scene
	// whole are the variables by which all pictures of a video differ.
	whole []string
	// there: the campaign is there already.
	there bool
}

// visible is the condition that a campaign is one that access.Owner, which is the second argument,
// may see.
const visible = "($2::text is null or c.user_id::text = $2::text)"

// find looks up the campaign of a request.
func find(ctx context.Context, db querier, r *Request) (t target, err error) {
	if r.Submission != nil {
		return sent(ctx, db, r)
	}
	t = target{campaign: r.Campaign, there: true}
	var facecam, output, declared string
	err = db.QueryRow(ctx, `select c.name::text, c.user_id, coalesce(c.facecam_url::text, ''), c.output_options::text, c.variables::text
		from public.campaigns c where c.id = $1::uuid and `+visible, r.Campaign, access.Owner(ctx)).
		Scan(&t.name, &t.user, &facecam, &output, &declared)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, renders.ErrNoCampaign
	}
	if err != nil {
		return t, fmt.Errorf("read campaign: %w", err)
	}
	if t.scenes, err = scenesOf(ctx, db, r.Campaign); err != nil {
		return t, err
	}
	return t, t.look(facecam, output, declared)
}

// sent finds out which campaign it is that was sent along.
func sent(ctx context.Context, db querier, r *Request) (t target, err error) {
	text, err := json.Marshal(r.Submission)
	if err != nil {
		return t, fmt.Errorf("name the campaign: %w", err)
	}
	if r.Files != "" {
		// Where its files are served differs each time, and the campaign does not.
		text = []byte(strings.ReplaceAll(string(text), r.Files, "files:"))
	}
	t = target{campaign: campaignOf(r.Submission.User, text), name: r.Submission.Name, user: r.Submission.User, scenes: scenesIn(r.Submission)}
	facecam := ""
	if r.Submission.FacecamURL != nil {
		facecam = *r.Submission.FacecamURL
	}
	if err := t.look(facecam, string(r.Submission.Output), declaration(r.Submission)); err != nil {
		return t, err
	}
	var version string
	var before *string
	err = db.QueryRow(ctx, `select loom.campaign_version(c.id),
		(select b.campaign_version from loom.batches b where b.campaign_id = c.id and b.campaign_version is not null order by b.created_at desc limit 1)
		from public.campaigns c where c.id = $1::uuid`, t.campaign).Scan(&version, &before)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return t, nil
	case err != nil:
		return t, fmt.Errorf("look for the campaign: %w", err)
	case before != nil && *before != version:
		return t, ErrChanged
	}
	t.there = true
	return t, nil
}

// look notes what a campaign says of its variables, and where they stand.
func (t *target) look(facecam, output, declared string) (err error) {
	addresses := []string{facecam}
	for _, s := range t.scenes {
		addresses = append(addresses, s.url)
	}
	t.values, err = newValues([]byte(declared), addresses...)
	t.whole = variablesIn(facecam, output)
	var options struct {
		Cache string `json:"cache"`
	}
	if json.Unmarshal([]byte(output), &options) == nil && options.Cache == "off" {
		for i := range t.scenes {
			t.scenes[i].alone = true
		}
	}
	return err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Check returns what a request would make. It writes nothing. It returns a *sheet.Error for a list
// that cannot be read.
func Check(ctx context.Context, db *pgxpool.Pool, r Request) (Preview, error) {
	t, err := find(ctx, db, &r)
	if err != nil {
		return Preview{}, err
	}
	return t.check(ctx, db, r)
}

func (t target) check(ctx context.Context, db querier, r Request) (Preview, error) {
	return check(ctx, r, t, func(ids []string) (n int, err error) {
		err = db.QueryRow(ctx, "select loom.known_ids($1::uuid, $2::text[])", t.campaign, ids).Scan(&n)
		if err != nil {
			return 0, fmt.Errorf("look for external ids: %w", err)
		}
		return n, nil
	})
}

// Create makes a batch, and a render for each row without faults. All of it is made, or nothing. It
// returns a *FaultsError for a list with faults that is to be all or nothing, and a *sheet.Error
// for one that cannot be read.
func Create(ctx context.Context, db *pgxpool.Pool, r Request) (Batch, Preview, error) {
	if r.ID == uuid.Nil {
		r.ID = uuid.New()
	}
	p, found := access.From(ctx)
	if !found {
		return Batch{}, Preview{}, fmt.Errorf("create batch: %w", audit.ErrNobody)
	}
	if p.User != nil && r.Priority > 0 {
		return Batch{}, Preview{}, ErrPriority
	}
	t, err := find(ctx, db, &r)
	if err != nil {
		return Batch{}, Preview{}, err
	}
	// All rows are looked at before anything is written, so that nobody's lock is held meanwhile.
	preview, err := t.check(ctx, db, r)
	if err != nil {
		return Batch{}, preview, err
	}
	if r.AllOrNone && preview.Invalid > 0 {
		return Batch{}, preview, &FaultsError{preview}
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return t.create(ctx, tx, r, p.Name) })
	if err != nil {
		return Batch{}, preview, explainError(err)
	}
	if preview.Earlier > 0 {
		// Renders of earlier batches may have ended while this one could not be seen.
		if _, err := db.Exec(ctx, "select loom.recover_batches()"); err != nil {
			return Batch{}, preview, fmt.Errorf("complete the batch: %w", err)
		}
	}
	made, err := Get(ctx, db, r.ID)
	return made, preview, err
}

func explainError(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == lockNotAvailable {
		return fmt.Errorf("create batch: %w", renders.ErrHeld)
	}
	return fmt.Errorf("create batch: %w", err)
}

const lockNotAvailable = "55P03"

// create writes a batch.
func (t target) create(ctx context.Context, tx pgx.Tx, r Request, by string) error {
	// Two lists of one campaign at once would wait for each other's external ids, row by row.
	if _, err := tx.Exec(ctx, "set local lock_timeout = '20s'"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended('loom.batch_ids ' || $1::uuid::text, 0))", t.campaign); err != nil {
		return fmt.Errorf("wait for another batch of the campaign: %w", err)
	}
	if r.Submission != nil {
		if err := t.insertCampaign(ctx, tx, r); err != nil {
			return err
		}
	} else if err := tx.QueryRow(ctx, "select c.id from public.campaigns c where c.id = $1::uuid for key share", t.campaign).Scan(&t.campaign); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return renders.ErrNoCampaign
		}
		return fmt.Errorf("hold the campaign: %w", err)
	}
	name := []rune(cmp.Or(strings.TrimSpace(r.Name), t.name))
	tag, err := tx.Exec(ctx, `insert into loom.batches (id, campaign_id, user_id, name, priority, campaign_version, created_by)
		values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::int, case when $6::bool then loom.campaign_version($2::uuid) end, $7::text)
		on conflict (id) do nothing`,
		r.ID, t.campaign, t.user, string(name[:min(len(name), MostName)]), r.Priority, r.Submission != nil, by)
	if err != nil {
		return fmt.Errorf("insert batch: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil // the same request has made it
	}
	columns, rows, err := t.write(ctx, tx, r)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "update loom.batches set columns = $2::text[] where id = $1::uuid", r.ID, columns); err != nil {
		return fmt.Errorf("note the columns: %w", err)
	}
	if _, err := tx.Exec(ctx, "select loom.settle_batch($1::uuid)", r.ID); err != nil {
		return fmt.Errorf("complete the batch: %w", err)
	}
	return audit.Record(ctx, tx, "batch.create", Target(r.ID), audit.Detail{"campaign_id": t.campaign, "rows": rows, "priority": r.Priority})
}

// insertCampaign inserts a campaign that was sent along, unless it is there.
func (t target) insertCampaign(ctx context.Context, tx pgx.Tx, r Request) error {
	inserted, err := renders.InsertCampaign(ctx, tx, t.campaign, *r.Submission)
	if err != nil || inserted || r.Files == "" {
		return err
	}
	// Its files are served elsewhere now.
	for i, scene := range r.Submission.Scenes {
		if _, err := tx.Exec(ctx, "update public.scenes set url = $3::text where campaign_id = $1::uuid and order_index = $2::int", t.campaign, i, scene.URL); err != nil {
			return fmt.Errorf("change scene %d: %w", i+1, err)
		}
	}
	if r.Submission.FacecamURL != nil {
		if _, err := tx.Exec(ctx, "update public.campaigns set facecam_url = $2::text where id = $1::uuid", t.campaign, *r.Submission.FacecamURL); err != nil {
			return fmt.Errorf("change the facecam: %w", err)
		}
	}
	return nil
}

// write writes the rows, some with each statement.
func (t target) write(ctx context.Context, tx pgx.Tx, r Request) (columns []string, rows int, err error) {
	var trace *string
	if of := msg.TraceOf(ctx); of != (msg.Trace{}) {
		text := of.String()
		trace = &text
	}
	var list []row
	flush := func() error {
		if len(list) == 0 {
			return nil
		}
		text, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		if _, err := tx.Exec(ctx, "select loom.add_batch_rows($1::uuid, $2::text::jsonb, $3::text)", r.ID, string(text), trace); err != nil {
			return fmt.Errorf("write rows %d to %d: %w", list[0].Place, list[len(list)-1].Place, err)
		}
		list = list[:0]
		return nil
	}
	err = each(r, t.values, func([]string, *checker) error { return nil }, func(all []string, one row, _ sheet.Row) error {
		columns, rows = all, rows+1
		if r.AllOrNone && len(one.faults) > 0 {
			return fmt.Errorf("the list has changed since it was checked: %s", one.faults[0])
		}
		if list = append(list, one); len(list) < chunk {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return slices.Clone(columns), rows, err
}

// Target is what the audit log calls a batch.
func Target(id uuid.UUID) string { return "batch/" + id.String() }
