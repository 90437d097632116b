// Package campaigns reads and edits the app's campaigns.
//
// A campaign has a version, which differs whenever the campaign or one of its scenes does, so that
// of two people who edit at once the second learns of it. Options of scenes may be secret: they are
// written and never read. A scene that is kept, by its id, keeps its options unless others are
// given.
package campaigns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

var (
	// ErrChanged says that a campaign has another version than the caller's.
	ErrChanged = errors.New("the campaign was changed meanwhile")
	// ErrRendering says that a campaign has renders that have not ended.
	ErrRendering = errors.New("the campaign has renders that have not ended")
	// ErrNoScene says that a campaign has no scene with an id.
	ErrNoScene = errors.New("the campaign has no such scene")
)

// Campaign is a campaign without the options of its scenes.
type Campaign struct {
	ID       uuid.UUID       `json:"id"`
	Name     string          `json:"name"`
	User     *uuid.UUID      `json:"user_id" nullable:"true" doc:"Whose it is; null: nobody's."`
	Facecam  *string         `json:"facecam_url"`
	Width    *int            `json:"output_width"`
	Height   *int            `json:"output_height"`
	FPS      *int            `json:"output_fps"`
	Rate     *string         `json:"output_rate"`
	Output   json.RawMessage `json:"output_options"`
	Shown    json.RawMessage `json:"facecam_options"`
	Metadata json.RawMessage `json:"metadata" doc:"Passed on to webhooks."`
	Declared json.RawMessage `json:"variables" doc:"The variables that it declares."`
	Scenes   []Scene         `json:"scenes" nullable:"false"`
	// Version differs whenever anything of it does, options of scenes included.
	Version string `json:"-"`
}

// Scene is a page of a campaign.
type Scene struct {
	ID       uuid.UUID `json:"id"`
	URL      string    `json:"url"`
	Duration int       `json:"duration_sec"`
	// Options: it has some.
	Options bool `json:"has_options" doc:"Whether it has options. They may be secret, and are not shown."`
}

// Summary is a campaign in a list.
type Summary struct {
	ID     uuid.UUID  `json:"id"`
	Name   string     `json:"name"`
	User   *uuid.UUID `json:"user_id" nullable:"true"`
	Scenes int        `json:"scenes" doc:"How many it has."`
}

const visible = "($2::text is null or c.user_id::text = $2::text)"

// Get returns a campaign, or renders.ErrNoCampaign.
func Get(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (c Campaign, err error) {
	// One snapshot, so that the version is that of what is read.
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		c, err = read(ctx, tx, id)
		return err
	})
	return c, err
}

func read(ctx context.Context, tx pgx.Tx, id uuid.UUID) (c Campaign, err error) {
	err = tx.QueryRow(ctx, `select c.id, c.name::text, c.user_id, c.facecam_url::text, c.output_width, c.output_height, c.output_fps, c.output_rate,
		c.output_options, c.facecam_options, to_jsonb(c.metadata), c.variables, loom.campaign_version(c.id)
		from public.campaigns c where c.id = $1::uuid and `+visible, id, access.Owner(ctx)).
		Scan(&c.ID, &c.Name, &c.User, &c.Facecam, &c.Width, &c.Height, &c.FPS, &c.Rate, &c.Output, &c.Shown, &c.Metadata, &c.Declared, &c.Version)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, renders.ErrNoCampaign
	}
	if err != nil {
		return c, fmt.Errorf("read campaign: %w", err)
	}
	rows, _ := tx.Query(ctx, `select s.id, s.url::text, s.duration_sec::int, s.id in (select loom.scenes_with_options($1::uuid))
		from public.scenes s where s.campaign_id = $1::uuid order by s.order_index, s.id`, id)
	c.Scenes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Scene])
	if err != nil {
		return c, fmt.Errorf("read scenes: %w", err)
	}
	return c, nil
}

// Filter says which campaigns are meant: those to which all applies that is set.
type Filter struct {
	// User is an id, or uuid.Nil.
	User uuid.UUID
	// Text is part of the name.
	Text string
}

// place is what a cursor of campaigns holds.
type place struct {
	Name string    `json:"n"`
	ID   uuid.UUID `json:"i"`
}

// List returns campaigns by their names, at most limit, and the cursor of the next page. It begins
// behind after.
func List(ctx context.Context, db *pgxpool.Pool, f Filter, after renders.Cursor, limit int) (list []Summary, next renders.Cursor, err error) {
	conditions := []string{"true"}
	var args []any
	add := func(text string, values ...any) {
		for _, value := range values {
			args = append(args, value)
			text = strings.Replace(text, "$?", fmt.Sprintf("$%d", len(args)), 1)
		}
		conditions = append(conditions, text)
	}
	if owner := access.Owner(ctx); owner != nil {
		add("c.user_id::text = $?::text", *owner)
	}
	if f.User != uuid.Nil {
		add("c.user_id::text = $?::text", f.User.String())
	}
	if f.Text != "" {
		add("c.name::text ilike $?::text", "%"+renders.Literal(f.Text)+"%")
	}
	if after != "" {
		var p place
		if err := after.Place(&p); err != nil || p.ID == uuid.Nil {
			return nil, "", renders.ErrCursor
		}
		add("(c.name::text, c.id) > ($?::text, $?::uuid)", p.Name, p.ID)
	}
	args = append(args, limit+1)
	rows, _ := db.Query(ctx, `select c.id, c.name::text, c.user_id, (select count(*)::int from public.scenes s where s.campaign_id = c.id)
		from public.campaigns c where `+strings.Join(conditions, " and ")+fmt.Sprintf(" order by c.name::text, c.id limit $%d::int", len(args)), args...)
	list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Summary])
	if err != nil {
		return nil, "", fmt.Errorf("list campaigns: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		next = renders.NewCursor(place{list[limit-1].Name, list[limit-1].ID})
	}
	return list, next, nil
}

// Create inserts a campaign with an id that the caller has chosen. If there is one, it does nothing
// and returns false.
func Create(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, s renders.Submission) (created bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if created, err = renders.InsertCampaign(ctx, tx, id, s); err != nil || !created {
			return err
		}
		return audit.Record(ctx, tx, "campaign.create", Target(id), audit.Detail{"name": s.Name, "user_id": s.User})
	})
	if err != nil {
		return false, fmt.Errorf("create campaign: %w", err)
	}
	return created, nil
}

// Target is what the audit log calls a campaign.
func Target(id uuid.UUID) string { return "campaign/" + id.String() }

// Any is the version of a change that does not mind what was there.
const Any = "*"

// Update makes a campaign what s says, if it has the version. kept are the ids of its scenes, one
// for each of s: uuid.Nil for a new one. A scene that is kept and has no options in s keeps its
// own. It returns ErrChanged, ErrNoScene or renders.ErrNoCampaign.
func Update(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, version string, s renders.Submission, kept []uuid.UUID) error {
	return change(ctx, db, id, version, "campaign.update", func(tx pgx.Tx, before Campaign) error {
		set, args := columns(s)
		if _, err := tx.Exec(ctx, "update public.campaigns set "+set+" where id = $1::uuid", append([]any{id}, args...)...); err != nil {
			return fmt.Errorf("update campaign: %w", err)
		}
		for _, scene := range before.Scenes {
			if slices.Contains(kept, scene.ID) {
				continue
			}
			if _, err := tx.Exec(ctx, "delete from public.scenes where id = $1::uuid", scene.ID); err != nil {
				return fmt.Errorf("delete scene: %w", err)
			}
		}
		if err := aside(ctx, tx, id, kept); err != nil {
			return err
		}
		for i, scene := range s.Scenes {
			switch {
			case kept[i] == uuid.Nil:
				if err := renders.InsertScene(ctx, tx, id, i, scene); err != nil {
					return err
				}
			case !slices.ContainsFunc(before.Scenes, func(b Scene) bool { return b.ID == kept[i] }) || slices.Index(kept, kept[i]) != i:
				return fmt.Errorf("scene %d: %w", i+1, ErrNoScene)
			default:
				set, args := "url = $2::text, duration_sec = $3::int, order_index = $4::int", []any{kept[i], scene.URL, scene.Seconds, i}
				if scene.Options != nil {
					set += ", options = $5::text::jsonb"
					args = append(args, string(scene.Options))
				}
				if _, err := tx.Exec(ctx, "update public.scenes set "+set+" where id = $1::uuid", args...); err != nil {
					return fmt.Errorf("update scene %d: %w", i+1, err)
				}
			}
		}
		return nil
	})
}

// aside moves the scenes that are kept, and get another place, behind all others: an app may have
// it that no two scenes of a campaign have the same place, not even for a moment.
func aside(ctx context.Context, tx pgx.Tx, campaign uuid.UUID, kept []uuid.UUID) error {
	var ids []string
	for _, id := range kept {
		ids = append(ids, id.String())
	}
	_, err := tx.Exec(ctx, `
		update public.scenes s set order_index = m.last + k.place
		  from unnest($2::text[]::uuid[]) with ordinality as k (id, place),
		       (select greatest(ceil(max(l.order_index))::int, cardinality($2::text[])) as last from public.scenes l where l.campaign_id = $1::uuid) m
		 where s.campaign_id = $1::uuid and s.id = k.id and s.order_index <> k.place - 1`, campaign, ids)
	if err != nil {
		return fmt.Errorf("move scenes: %w", err)
	}
	return nil
}

// columns are what Update sets, with arguments from $2 on. What is not given gets its default, as
// in a new campaign.
func columns(s renders.Submission) (set string, args []any) {
	list := []string{"name = $2::text"}
	args = []any{s.Name}
	add := func(column, kind string, given bool, value any) {
		if !given {
			list = append(list, column+" = default")
			return
		}
		args = append(args, value)
		list = append(list, fmt.Sprintf("%s = $%d::%s", column, len(args)+1, kind))
	}
	add("facecam_url", "text", s.FacecamURL != nil, s.FacecamURL)
	add("output_width", "int", s.Width != nil, s.Width)
	add("output_height", "int", s.Height != nil, s.Height)
	add("output_fps", "int", s.FPS != nil, s.FPS)
	add("output_rate", "text", s.Rate != nil, s.Rate)
	add("output_options", "text::jsonb", s.Output != nil, string(s.Output))
	add("facecam_options", "text::jsonb", s.Shown != nil, string(s.Shown))
	add("metadata", "text::jsonb", s.Metadata != nil, string(s.Metadata))
	add("variables", "text::jsonb", s.Variables != nil, string(s.Variables))
	return strings.Join(list, ", "), args
}

// Delete deletes a campaign with its scenes and renders, if it has the version. The videos stay. It
// returns ErrChanged, ErrRendering or renders.ErrNoCampaign.
func Delete(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, version string) error {
	return change(ctx, db, id, version, "campaign.delete", func(tx pgx.Tx, _ Campaign) error {
		var open bool
		err := tx.QueryRow(ctx, `select exists (select from public.renders r where r.campaign_id = $1::uuid and not loom.is_terminal(r.status::text))
			or exists (select from public.render_jobs j join public.renders r on r.id = j.render_id
			            where r.campaign_id = $1::uuid and j.state::text in ('queued', 'running'))`, id).Scan(&open)
		if err != nil {
			return fmt.Errorf("look for renders: %w", err)
		}
		if open {
			return ErrRendering
		}
		if _, err := tx.Exec(ctx, "delete from public.campaigns where id = $1::uuid", id); err != nil {
			return fmt.Errorf("delete campaign: %w", err)
		}
		return nil
	})
}

// change runs f on a campaign that has the version, while nobody else changes it here.
func change(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, version, action string, f func(pgx.Tx, Campaign) error) error {
	return renders.UnlessHeld(ctx, db, func(tx pgx.Tx) error {
		// For update: a render of it that is inserted meanwhile waits.
		if _, err := tx.Exec(ctx, "select from public.campaigns where id = $1::uuid for update", id); err != nil {
			return fmt.Errorf("lock campaign: %w", err)
		}
		before, err := read(ctx, tx, id)
		if err != nil {
			return err
		}
		if version != Any && version != before.Version {
			return ErrChanged
		}
		if err := f(tx, before); err != nil {
			return err
		}
		return audit.Record(ctx, tx, action, Target(id), audit.Detail{"name": before.Name})
	})
}
