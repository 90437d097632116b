package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

// tokensPage is the page of the API's tokens.
type tokensPage struct {
	Tokens []tokens.Token
	// Made is a new token: it is shown this once.
	Made   *tokens.Token
	Secret string
	// Name, Scope, Hours and User are what the form has, and Problem is what is wrong with it.
	Name, Scope, Hours, User string
	Problem                  string
	Scopes                   []access.Scope
	Lasting                  []choice
}

const (
	// shownTokens bounds how many tokens are listed.
	shownTokens = 200
	// mostHours bounds how long a token that ends is good: ten years.
	mostHours = 10 * 8760
)

var lasting = []choice{{"720", "30 days"}, {"2160", "90 days"}, {"8760", "a year"}, {"", "no end"}}

// tokens lists the API's tokens.
func (s *Server) tokens(r *request) error {
	return s.showTokens(r, http.StatusOK, tokensPage{Hours: lasting[0].Value})
}

func (s *Server) showTokens(r *request, status int, d tokensPage) error {
	list, err := tokens.List(r.Context(), s.cfg.DB, nil, shownTokens)
	if err != nil {
		return err
	}
	d.Tokens, d.Scopes, d.Lasting = list, access.Scopes, lasting
	s.show(r, status, "tokens", page{Title: "Tokens", Nav: "tokens", Data: d})
	return nil
}

// makeToken makes a token, and shows it.
func (s *Server) makeToken(r *request) error {
	if err := r.ParseForm(); err != nil {
		return errUnreadableForm
	}
	d := tokensPage{
		Name: strings.TrimSpace(r.PostFormValue("name")), Scope: r.PostFormValue("scope"), Hours: r.PostFormValue("hours"), User: strings.TrimSpace(r.PostFormValue("user")),
	}
	wanted := tokens.Request{Name: d.Name, Scope: access.Scope(d.Scope)}
	if d.User != "" {
		id, err := uuid.Parse(d.User)
		if err != nil {
			d.Problem = "The user is no id."
		}
		wanted.User = &id
	}
	if d.Hours != "" {
		hours, err := strconv.Atoi(d.Hours)
		if err != nil || hours <= 0 || hours > mostHours {
			d.Problem = "Choose how long it is good."
		}
		expires := r.now.Add(time.Duration(hours) * time.Hour)
		wanted.Expires = &expires
	}
	if d.Problem != "" {
		return s.showTokens(r, http.StatusUnprocessableEntity, d)
	}
	made, secret, err := tokens.Create(r.Context(), s.cfg.DB, wanted)
	if errors.Is(err, tokens.ErrInvalid) {
		_, why, _ := strings.Cut(err.Error(), tokens.ErrInvalid.Error()+": ")
		d.Problem = "The token was not made: " + why + "."
		return s.showTokens(r, http.StatusUnprocessableEntity, d)
	}
	if err != nil {
		return err
	}
	return s.showTokens(r, http.StatusOK, tokensPage{Made: &made, Secret: secret, Hours: lasting[0].Value})
}

// revokeToken revokes a token.
func (s *Server) revokeToken(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	revoked, err := tokens.Revoke(r.Context(), s.cfg.DB, id)
	if err != nil {
		return err
	}
	notice := "The token is revoked."
	if !revoked {
		notice = "The token was revoked before."
	}
	return r.redirect("/tokens", notice)
}
