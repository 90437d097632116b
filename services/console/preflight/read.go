package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/access"
)

// Preflight is what was asked about, and what was found.
type Preflight struct {
	ID   uuid.UUID `json:"id" doc:"The preflight's id."`
	Name string    `json:"name" doc:"The campaign's name."`
	// Status is running, done or cancelled.
	Status    string    `json:"status" enum:"running,done,cancelled" doc:"Whether pages are still to be opened."`
	CreatedAt time.Time `json:"created_at"`
	// Fails counts the pages because of which a render would fail.
	Fails int    `json:"fails" doc:"How many pages would fail a render."`
	Pages []Page `json:"pages" doc:"The pages, in the order of the scenes."`

	user *uuid.UUID
}

// Of reports whether a preflight is a user's; nil has all.
func (p *Preflight) Of(user *uuid.UUID) bool { return user == nil || p.user != nil && *p.user == *user }

// Page is one page.
type Page struct {
	// Scene is the scene's ordinal, from 1.
	Scene int `json:"scene" doc:"The scene's number, from 1."`
	// URL has no query, which may be secret.
	URL string `json:"url" doc:"The scene's URL, without its query."`
	// State is due, running, done, failed (nobody could tell) or cancelled.
	State string `json:"state" enum:"due,running,done,failed,cancelled" doc:"Whether the page was opened. failed: the recorders could not tell."`
	// Class is the first finding's; empty before there is one.
	Class    msg.Class     `json:"class,omitempty" enum:"ok,redirect,login,bot_wall,consent_wall,blank,slow,missing_fonts,error" doc:"What is in the page's place: the gravest finding."`
	Reason   string        `json:"reason,omitempty" doc:"What was found."`
	Advice   string        `json:"advice,omitempty" doc:"What to do about it."`
	Findings []msg.Finding `json:"findings" doc:"All that was found, the gravest first."`
	Warnings []msg.Warning `json:"warnings" doc:"The warnings that a render would have."`
	// Fails says that a render with this scene would fail.
	Fails bool `json:"fails" doc:"A render with this scene would fail."`
	// Address is where the URL led.
	Address     string  `json:"address,omitempty" doc:"Where the URL led, without its query."`
	HTTPStatus  int     `json:"http_status,omitempty" doc:"The status of the page's answer."`
	LoadSeconds float64 `json:"load_s,omitempty" doc:"How long the page took to load, in seconds."`
	// PictureURL is signed, and only there when somebody asked for it.
	PictureURL *string `json:"picture_url" doc:"A signed URL of a JPEG of the page; null when there is none (yet)."`

	// PictureKey is the picture's key in the work bucket; empty when there is none.
	PictureKey string `json:"-"`
}

// Over reports whether no more is to come.
func (p Page) Over() bool { return p.State != "due" && p.State != "running" }

// Host is that of the page's URL.
func (p Page) Host() string {
	u, err := url.Parse(p.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// Done reports whether all pages are over.
func (p *Preflight) Done() bool { return p.Status != "running" }

// Get returns a preflight.
func Get(ctx context.Context, db DB, id uuid.UUID) (*Preflight, error) {
	p := &Preflight{ID: id, Pages: []Page{}}
	err := db.QueryRow(ctx, "select name, user_id, created_at from loom.preflights where id = $1::uuid", id).Scan(&p.Name, &p.user, &p.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read preflight %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read preflight: %w", err)
	}
	rows, err := db.Query(ctx, `select seq + 1, url, state, facts::text, coalesce(picture_key, ''), coalesce(error_code, ''), coalesce(error_message, '')
		from loom.preflight_pages where preflight_id = $1::uuid order by seq`, id)
	if err != nil {
		return nil, fmt.Errorf("read preflight: %w", err)
	}
	p.Pages, err = pgx.CollectRows(rows, scanPage)
	if err != nil {
		return nil, fmt.Errorf("read preflight: %w", err)
	}
	p.count()
	return p, nil
}

func scanPage(row pgx.CollectableRow) (p Page, err error) {
	var facts *string
	var code, message string
	if err := row.Scan(&p.Scene, &p.URL, &p.State, &facts, &p.PictureKey, &code, &message); err != nil {
		return p, err
	}
	p.Findings, p.Warnings = []msg.Finding{}, []msg.Warning{}
	if facts != nil {
		var f msg.PreflightFacts
		if err := json.Unmarshal([]byte(*facts), &f); err != nil {
			return p, fmt.Errorf("read what was found: %w", err)
		}
		p.Findings, p.Fails, p.Address, p.HTTPStatus = f.Findings, f.Fails, f.Address, f.Status
		p.LoadSeconds = float64(time.Duration(f.Load).Milliseconds()) / 1000
		p.Warnings = append(p.Warnings, f.Warnings...)
	}
	if p.State == "failed" {
		p.Findings = []msg.Finding{{Class: msg.ClassError, Code: msg.Code(code), Reason: message}}
	}
	if len(p.Findings) > 0 {
		p.Class, p.Reason, p.Advice = p.Findings[0].Class, p.Findings[0].Reason, p.Findings[0].Advice
	}
	return p, nil
}

// Short is a preflight in a list.
type Short struct {
	ID        uuid.UUID
	Name      string
	CreatedAt time.Time
	// Status is as a Preflight has it.
	Status string
	// Pages counts all pages, Over those of which no more is to come, and Fails those because of
	// which a render would fail.
	Pages, Over, Fails int
}

// List returns the preflights that the principal of ctx may see, the newest first, at most limit.
func List(ctx context.Context, db DB, limit int) ([]Short, error) {
	rows, err := db.Query(ctx, `select f.id, f.name, f.created_at,
		       case when count(p.id) filter (where p.state in ('due', 'running')) > 0 then 'running'
		            when count(p.id) filter (where p.state = 'cancelled') > 0 then 'cancelled' else 'done' end,
		       count(p.id), count(p.id) filter (where p.state not in ('due', 'running')),
		       count(p.id) filter (where (p.facts ->> 'fails')::boolean)
		  from (select k.id, k.name, k.created_at from loom.preflights k where $1::uuid is null or k.user_id = $1::uuid
		         order by k.created_at desc limit $2::int) f
		  left join loom.preflight_pages p on p.preflight_id = f.id
		 group by f.id, f.name, f.created_at order by f.created_at desc, f.id`, access.Owner(ctx), limit)
	if err != nil {
		return nil, fmt.Errorf("list preflights: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Short])
	if err != nil {
		return nil, fmt.Errorf("list preflights: %w", err)
	}
	return list, nil
}

// count sums the pages up.
func (p *Preflight) count() {
	p.Status = "done"
	for _, page := range p.Pages {
		if page.Fails {
			p.Fails++
		}
		switch {
		case !page.Over():
			p.Status = "running"
		case page.State == "cancelled" && p.Status == "done":
			p.Status = "cancelled"
		}
	}
}
