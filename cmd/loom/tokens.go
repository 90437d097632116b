package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

type tokensCmd struct {
	Create tokensCreateCmd `cmd:"" help:"Make a token, and print it: nobody can see it again."`
	List   tokensListCmd   `cmd:"" help:"List the tokens, the newest first."`
	Revoke tokensRevokeCmd `cmd:"" help:"End tokens: the next request with one of them is refused."`
}

type tokensCreateCmd struct {
	Name    string        `arg:"" help:"What the token is for, such as \"the web app\"."`
	Scope   string        `enum:"read,write,admin" default:"read" help:"read, write or admin (default: read)."`
	User    string        `placeholder:"UUID" help:"Only for campaigns of this user (campaigns.user_id)."`
	Expires time.Duration `placeholder:"TIME" help:"For how long it may be used, such as 720h (default: until it is revoked)."`
	JSON    bool          `help:"Print the token and what is known of it as JSON."`
	dataFlag
}

// Help is shown by loom tokens create --help.
func (tokensCreateCmd) Help() string {
	return `read sees campaigns and renders. write also submits, cancels and retries renders, edits campaigns, and pauses stages. admin
also makes and revokes tokens and reads the audit log. A token with --user sees and changes that user's campaigns and their
renders, and nothing else; it may have the scope read or write.`
}

// Run makes a token.
func (c *tokensCreateCmd) Run(ctx context.Context, a *app) error {
	request := tokens.Request{Name: c.Name, Scope: access.Scope(c.Scope)}
	if c.User != "" {
		id, err := uuid.Parse(c.User)
		if err != nil {
			return usageError{fmt.Errorf("--user %q is no UUID", c.User)}
		}
		request.User = &id
	}
	if c.Expires != 0 {
		at := time.Now().Add(c.Expires)
		request.Expires = &at
	}
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	t, secret, err := d.CreateToken(ctx, request)
	if errors.Is(err, tokens.ErrInvalid) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, struct {
			tokens.Token

			Secret string `json:"token"`
		}{t, secret})
	}
	a.say("made %s: keep it now, since it is not shown again", t.ID)
	a.printf("%s\n", secret)
	return nil
}

type tokensListCmd struct {
	Limit int  `default:"100" help:"How many to list (default: 100)."`
	JSON  bool `help:"Print JSON."`
	dataFlag
}

// Run lists tokens.
func (c *tokensListCmd) Run(ctx context.Context, a *app) error {
	if c.Limit < 1 {
		return usageError{fmt.Errorf("--limit %d: it must be 1 or more", c.Limit)}
	}
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Tokens(ctx, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, append([]tokens.Token{}, list...))
	}
	if len(list) == 0 {
		a.say("there are no tokens: loom tokens create makes one")
		return nil
	}
	out := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "TOKEN\tNAME\tSCOPE\tUSER\tCREATED\tLAST USED\tSTATE")
	for _, t := range list {
		_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, printable(t.Name), t.Scope, userOf(t), at(t.CreatedAt), maybeAt(t.LastUsedAt), stateOf(t))
	}
	return out.Flush()
}

func userOf(t tokens.Token) string {
	if t.User == nil {
		return "all"
	}
	return t.User.String()
}

func maybeAt(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return at(*t)
}

// stateOf says whether a token may be used.
func stateOf(t tokens.Token) string {
	switch {
	case t.RevokedAt != nil:
		return "revoked " + at(*t.RevokedAt)
	case t.ExpiresAt != nil && !t.ExpiresAt.After(time.Now()):
		return "expired " + at(*t.ExpiresAt)
	case t.ExpiresAt != nil:
		return "until " + at(*t.ExpiresAt)
	}
	return "in use"
}

type tokensRevokeCmd struct {
	IDs []string `arg:"" name:"id" help:"The tokens' ids, as loom tokens list prints them."`
	dataFlag
}

// Run revokes tokens.
func (c *tokensRevokeCmd) Run(ctx context.Context, a *app) error {
	var ids []uuid.UUID
	for _, text := range c.IDs {
		id, err := uuid.Parse(text)
		if err != nil {
			return usageError{fmt.Errorf("%q is no token's id: loom tokens list shows them", text)}
		}
		ids = append(ids, id)
	}
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	for _, id := range ids {
		revoked, err := d.RevokeToken(ctx, id)
		switch {
		case errors.Is(err, tokens.ErrNotFound):
			return usageError{err}
		case err != nil:
			return err
		case revoked:
			a.printf("%s is revoked\n", id)
		default:
			a.printf("%s had been revoked already\n", id)
		}
	}
	return nil
}
