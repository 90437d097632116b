package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

// tokensPage is the page of the API's tokens.
type tokensPage struct {
	Tokens []tokens.Token
	// Made is a new token: it is shown this once.
	Made    *tokens.Token
	Secret  string
	Problem string
	Scopes  []access.Scope
	Lasting []choice
}

// shownTokens bounds how many tokens are listed.
const shownTokens = 200

var lasting = []choice{{"720", "30 days"}, {"2160", "90 days"}, {"8760", "a year"}, {"", "no end"}}

// tokens lists the API's tokens.
func (s *Server) tokens(r *request) error { return s.showTokens(r, http.StatusOK, tokensPage{}) }

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
	wanted := tokens.Request{Name: strings.TrimSpace(r.FormValue("name")), Scope: access.Scope(r.FormValue("scope"))}
	problem := ""
	if text := r.FormValue("user"); text != "" {
		id, err := uuid.Parse(text)
		if err != nil {
			problem = "The user is no id."
		}
		wanted.User = &id
	}
	if text := r.FormValue("hours"); text != "" {
		hours, err := strconv.Atoi(text)
		if err != nil || hours <= 0 {
			problem = "Choose how long it is good."
		}
		expires := r.now.Add(time.Duration(hours) * time.Hour)
		wanted.Expires = &expires
	}
	if problem != "" {
		return s.showTokens(r, http.StatusUnprocessableEntity, tokensPage{Problem: problem})
	}
	made, secret, err := tokens.Create(r.Context(), s.cfg.DB, wanted)
	if err != nil {
		return s.showTokens(r, http.StatusUnprocessableEntity, tokensPage{Problem: err.Error()})
	}
	return s.showTokens(r, http.StatusOK, tokensPage{Made: &made, Secret: secret})
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

// auditPage is the page of the audit log.
type auditPage struct {
	Entries []audit.Entry
	Filter  audit.Filter
	// Older is the address of the next page; empty on the last.
	Older string
}

// audit shows who has changed what.
func (s *Server) audit(r *request) error {
	q := r.URL.Query()
	d := auditPage{Filter: audit.Filter{Actor: q.Get("actor"), Action: q.Get("action"), Target: q.Get("target")}}
	after, err := strconv.ParseInt("0"+q.Get("after"), 10, 64)
	if err != nil {
		return errNoPage
	}
	if d.Entries, err = audit.List(r.Context(), s.cfg.DB, d.Filter, after, perPage); err != nil {
		return err
	}
	if len(d.Entries) == perPage {
		q.Set("after", fmt.Sprint(d.Entries[perPage-1].ID))
		d.Older = s.link("/audit?" + q.Encode())
	}
	s.show(r, http.StatusOK, "audit", page{Title: "Audit log", Nav: "audit", Live: after == 0, Data: d})
	return nil
}
