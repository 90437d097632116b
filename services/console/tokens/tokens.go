// Package tokens keeps the bearer tokens of the API. A token has 256 random bits. It is shown once,
// when it is made: the database has its SHA-256 only, which is enough to know it by and not enough
// to use it.
package tokens

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
)

// prefix tells scanners of leaked secrets, and people, what a token is for.
const prefix = "loom_"

var encoding = base64.RawURLEncoding

var (
	// ErrUnknown says that a token is none of ours, has expired or was revoked.
	ErrUnknown = errors.New("the token is unknown, has expired or was revoked")
	// ErrNotFound says that no token has that id.
	ErrNotFound = errors.New("there is no such token")
	// ErrInvalid is wrapped by what is wrong with a Request.
	ErrInvalid = errors.New("no such token can be made")
)

// Token is what is known of a token. The token itself is not.
type Token struct {
	ID        uuid.UUID    `json:"id"`
	Name      string       `json:"name"`
	Scope     access.Scope `json:"scope" enum:"read,write,admin"`
	User      *uuid.UUID   `json:"user_id" nullable:"true" doc:"Whose campaigns it is for; null: everybody's."`
	CreatedBy string       `json:"created_by"`
	CreatedAt time.Time    `json:"created_at"`
	ExpiresAt *time.Time   `json:"expires_at"`
	// LastUsedAt is right within a minute.
	LastUsedAt *time.Time `json:"last_used_at" doc:"Right within a minute."`
	RevokedAt  *time.Time `json:"revoked_at"`
}

// Request asks for a token.
type Request struct {
	Name  string
	Scope access.Scope
	// User is whose campaigns the token is for; nil: everybody's.
	User *uuid.UUID
	// Expires is when it ends; nil: never.
	Expires *time.Time
}

func (r Request) check(now time.Time) error {
	switch {
	case strings.TrimSpace(r.Name) == "" || utf8.RuneCountInString(r.Name) > 200:
		return fmt.Errorf("%w: give it a name of 1 to 200 characters", ErrInvalid)
	case !r.Scope.Covers(access.Read):
		return fmt.Errorf("%w: its scope must be read, write or admin", ErrInvalid)
	case r.User != nil && r.Scope == access.Admin:
		return fmt.Errorf("%w: a token of one user has the scope read or write, since an admin's work is about all", ErrInvalid)
	case r.Expires != nil && !r.Expires.After(now):
		return fmt.Errorf("%w: it would have expired already", ErrInvalid)
	}
	return nil
}

// Create makes a token and returns it, with its secret: nobody can see that again.
func Create(ctx context.Context, db *pgxpool.Pool, r Request) (t Token, secret string, err error) {
	if err := r.check(time.Now()); err != nil {
		return t, "", err
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it ends the process rather than fail
	secret = prefix + encoding.EncodeToString(random)
	by, _ := access.From(ctx)
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `insert into loom.api_tokens (name, hash, scope, user_id, created_by, expires_at)
			values ($1::text, $2::bytea, $3::text, $4::uuid, $5::text, $6::timestamptz) returning `+columns,
			r.Name, hash(secret), string(r.Scope), r.User, by.Name, r.Expires)
		if t, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Token]); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "token.create", target(t.ID), audit.Detail{"name": t.Name, "scope": t.Scope, "user_id": t.User, "expires_at": t.ExpiresAt})
	})
	if err != nil {
		return Token{}, "", fmt.Errorf("create token: %w", err)
	}
	return t, secret, nil
}

const columns = "id, name, scope, user_id, created_by, created_at, expires_at, last_used_at, revoked_at"

func target(id uuid.UUID) string { return "token/" + id.String() }

func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// List returns the tokens, the newest first, at most limit, those that were revoked too. after is
// the last one of the page before, or nil.
func List(ctx context.Context, db *pgxpool.Pool, after *Token, limit int) ([]Token, error) {
	at, id := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), uuid.Max
	if after != nil {
		at, id = after.CreatedAt, after.ID
	}
	rows, _ := db.Query(ctx, "select "+columns+` from loom.api_tokens where (created_at, id) < ($1::timestamptz, $2::uuid)
		order by created_at desc, id desc limit $3::int`, at, id, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Token])
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return list, nil
}

// Get returns a token, or ErrNotFound.
func Get(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (Token, error) {
	rows, _ := db.Query(ctx, "select "+columns+" from loom.api_tokens where id = $1::uuid", id)
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Token])
	if errors.Is(err, pgx.ErrNoRows) {
		return t, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	if err != nil {
		return t, fmt.Errorf("read token: %w", err)
	}
	return t, nil
}

// Revoke ends a token: the next request with it is refused. It returns false if it was revoked
// before, and ErrNotFound if there is none.
func Revoke(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (revoked bool, err error) {
	if _, err := Get(ctx, db, id); err != nil {
		return false, err
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "select loom.revoke_token($1::uuid)", id).Scan(&revoked); err != nil || !revoked {
			return err
		}
		return audit.Record(ctx, tx, "token.revoke", target(id), nil)
	})
	if err != nil {
		return false, fmt.Errorf("revoke token: %w", err)
	}
	return revoked, nil
}

// WellFormed reports whether a text may be a token.
func WellFormed(secret string) bool {
	random, err := encoding.DecodeString(strings.TrimPrefix(secret, prefix))
	return err == nil && len(random) == 32 && strings.HasPrefix(secret, prefix)
}

// Use returns the principal that secret is the token of, or ErrUnknown, and notes that it was used.
func Use(ctx context.Context, db *pgxpool.Pool, secret string) (access.Principal, error) {
	// What cannot be a token costs no query.
	if !WellFormed(secret) {
		return access.Principal{}, ErrUnknown
	}
	p := access.Principal{Kind: access.Token}
	var id uuid.UUID
	err := db.QueryRow(ctx, "select id, name, scope, user_id from loom.use_token($1::bytea)", hash(secret)).Scan(&id, &p.Name, &p.Scope, &p.User)
	p.ID = id.String()
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return access.Principal{}, ErrUnknown
	case err != nil:
		return access.Principal{}, fmt.Errorf("look the token up: %w", err)
	}
	return p, nil
}
