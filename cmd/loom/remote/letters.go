package remote

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/clients/go/api"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// mostLetters bounds how many ids of dead letters one request has.
const mostLetters = 500

// FindLetter returns the id of the dead letter that a text is the start or the end of.
func (d *Deployment) FindLetter(ctx context.Context, text string) (uuid.UUID, error) {
	part, err := renders.LetterPart(text)
	if err != nil {
		return uuid.Nil, err
	}
	if id, err := uuid.Parse(part.String()); err == nil {
		_, err := d.Letter(ctx, id)
		return id, err
	}
	all, err := d.Letters(ctx, renders.LetterFilter{Settled: true}, 0)
	if err != nil {
		return uuid.Nil, err
	}
	var ids []uuid.UUID
	for _, l := range all {
		id := l.ID.String()
		if len(ids) < 5 && (strings.HasPrefix(id, part.String()) || strings.HasSuffix(id, part.String())) {
			ids = append(ids, l.ID)
		}
	}
	return part.One(ids)
}

// Letters returns the dead letters that f means, the newest first; limit 0: all.
func (d *Deployment) Letters(ctx context.Context, f renders.LetterFilter, limit int) ([]renders.Letter, error) {
	params := api.ListDeadLettersParams{Limit: new(mostOfAPage)}
	if limit > 0 {
		params.Limit = new(min(limit, mostOfAPage))
	}
	for _, text := range []struct {
		value string
		to    **string
	}{{f.Kind, &params.Kind}, {f.Code, &params.ErrorCode}, {f.Host, &params.Host}} {
		if text.value != "" {
			*text.to = &text.value
		}
	}
	if f.Render != uuid.Nil {
		params.RenderID = &f.Render
	}
	if f.User != "" {
		user, err := uuid.Parse(f.User)
		if err != nil {
			return nil, nil //nolint:nilerr // no campaign is of a user who is called so
		}
		params.UserID = &user
	}
	if !f.Since.IsZero() {
		params.DiedFrom = &f.Since
	}
	if !f.Before.IsZero() {
		params.DiedBefore = &f.Before
	}
	if f.Settled {
		params.Settled = &f.Settled
	}
	return take[renders.Letter](limit, func(cursor *string) (*http.Response, error) {
		params.Cursor = cursor
		return d.client.ListDeadLetters(ctx, &params)
	})
}

// Letter returns one dead letter with all that is known of it.
func (d *Deployment) Letter(ctx context.Context, id uuid.UUID) (renders.LetterInFull, error) {
	l, err := decode[renders.LetterInFull](d.client.GetDeadLetter(ctx, id.String()))
	return l, ifMissing(err, fmt.Errorf("%s: %w", id, renders.ErrNoLetter))
}

// meant is a filter as requests have it that settle dead letters.
type meant struct {
	IDs    []uuid.UUID `json:"ids,omitempty"`
	Kind   string      `json:"kind,omitempty"`
	Code   string      `json:"error_code,omitempty"`
	Render *uuid.UUID  `json:"render_id,omitempty"`
	Host   string      `json:"host,omitempty"`
	User   string      `json:"user_id,omitempty"`
	From   time.Time   `json:"died_from,omitzero"`
	Before time.Time   `json:"died_before,omitzero"`
	All    bool        `json:"all,omitempty"`
}

// requests returns those that mean what f does.
func requests(f renders.LetterFilter) []meant {
	if len(f.IDs) > 0 {
		var all []meant
		for ids := range slices.Chunk(f.IDs, mostLetters) {
			all = append(all, meant{IDs: ids})
		}
		return all
	}
	m := meant{Kind: f.Kind, Code: f.Code, Host: f.Host, User: f.User, From: f.Since, Before: f.Before}
	if f.Render != uuid.Nil {
		m.Render = &f.Render
	}
	m.All = f.Kind == "" && f.Code == "" && f.Host == "" && f.User == "" && f.Since.IsZero() && f.Before.IsZero() && m.Render == nil
	return []meant{m}
}

// Replay has the renders of dead letters made again: of all, if f has nothing.
func (d *Deployment) Replay(ctx context.Context, f renders.LetterFilter) (all []renders.Replayed, err error) {
	for _, request := range requests(f) {
		body, err := reader(request)
		if err != nil {
			return all, err
		}
		r, err := decode[list[renders.Replayed]](d.client.ReplayDeadLettersWithBody(ctx, jsonType, body))
		if err != nil {
			return all, err
		}
		all = append(all, r.Items...)
	}
	return all, nil
}

// Discard puts dead letters away: all, if f has nothing.
func (d *Deployment) Discard(ctx context.Context, f renders.LetterFilter) (all []uuid.UUID, err error) {
	for _, request := range requests(f) {
		body, err := reader(request)
		if err != nil {
			return all, err
		}
		r, err := decode[struct {
			IDs []uuid.UUID `json:"ids"`
		}](d.client.DiscardDeadLettersWithBody(ctx, jsonType, body))
		if err != nil {
			return all, err
		}
		all = append(all, r.IDs...)
	}
	return all, nil
}
