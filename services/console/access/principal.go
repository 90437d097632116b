package access

import (
	"context"
	"slices"

	"github.com/google/uuid"
)

// Scope is what a Principal may do.
type Scope string

// The scopes. Each includes those before it.
const (
	Read  Scope = "read"
	Write Scope = "write"
	Admin Scope = "admin"
)

// Scopes are all of them, the least first.
var Scopes = []Scope{Read, Write, Admin}

// Covers reports whether whoever has s may do what takes need. No other text than a scope's covers
// anything, or is covered.
func (s Scope) Covers(need Scope) bool {
	has, least := slices.Index(Scopes, s), slices.Index(Scopes, need)
	return least >= 0 && has >= least
}

// Kind is how a Principal came.
type Kind string

// The kinds.
const (
	// Token: a program, through the API.
	Token Kind = "token"
	// Session: a person, through the dashboard.
	Session Kind = "session"
	// Operator: a person with the command line, who has the database's password.
	Operator Kind = "operator"
)

// Principal is who does something.
type Principal struct {
	// ID names it for good: a token's id, the name of an operator's account on the machine.
	ID string
	// Name is for people.
	Name  string
	Kind  Kind
	Scope Scope
	// User is whose campaigns it sees and changes (campaigns.user_id). Nil: everybody's, and the
	// installation.
	User *uuid.UUID
	// Browser tells a session's browser from others, over several sessions. Empty: it is none.
	Browser string
	// Address is where it came from, without a port. Empty: this machine's command line.
	Address string
}

// Sees reports whether p may know of a campaign of owner's; nil is a campaign of nobody's.
func (p Principal) Sees(owner *uuid.UUID) bool {
	return p.User == nil || owner != nil && *owner == *p.User
}

type key struct{}

// With returns a context in which p does what is done.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// From returns who does what is done with ctx; false when that is not known.
func From(ctx context.Context) (Principal, bool) {
	p, found := ctx.Value(key{}).(Principal)
	return p, found
}

// Owner returns the user whose campaigns alone may be seen with ctx, as a text; nil when all may.
func Owner(ctx context.Context) *string {
	p, _ := From(ctx)
	if p.User == nil {
		return nil
	}
	id := p.User.String()
	return &id
}
