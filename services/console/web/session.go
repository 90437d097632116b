package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/services/console/access"
)

const (
	sessionCookie = "loom_session"
	// lasts is how long a session is good, and idle how long without being used.
	lasts = 30 * 24 * time.Hour
	idle  = 7 * 24 * time.Hour
)

// secretLength is how long NewSecret's are, in bytes.
const secretLength = 43

// NewSecret returns a secret of 256 bits, and what is kept of it.
func NewSecret() (secret string, hash []byte) {
	var raw [32]byte
	_, _ = rand.Read(raw[:])
	secret = base64.RawURLEncoding.EncodeToString(raw[:])
	return secret, hashed(secret)
}

func hashed(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// session returns who sends a request; nil when they are not signed in.
func (s *Server) session(r *http.Request) (who *access.Principal, err error) {
	c, err := r.Cookie(sessionCookie)
	if err != nil || len(c.Value) != secretLength {
		return nil, nil
	}
	var id uuid.UUID
	p := access.Principal{Kind: access.Session, Address: address(r)}
	wait, err := s.strangers.LookUp(p.Address, c.Value, func() (known bool, err error) {
		err = s.cfg.DB.QueryRow(r.Context(), "select id, name, scope, user_id from loom.session_of($1::bytea, $2::interval)", hashed(c.Value), idle).
			Scan(&id, &p.Name, &p.Scope, &p.User)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("read session: %w", err)
		}
		p.ID, who = id.String(), &p
		return true, nil
	})
	if wait > 0 {
		return nil, tooMany(wait)
	}
	return who, err
}

// address is where a request came from, without a port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// tooMany refuses what comes from an address where nobody knows what is sent.
func tooMany(wait time.Duration) error {
	return &refusal{
		status: http.StatusTooManyRequests, title: "Too many tries", wait: wait,
		text: "Sign-in links and sessions that are not valid come too often from your address. Try again in a moment.",
	}
}

// signInPage asks a person to confirm that they sign in. Opening a link alone does not use it up:
// programs that look at links in messages open them too.
func (s *Server) signInPage(r *request) {
	s.show(r, http.StatusOK, "signin", page{Title: "Sign in", Data: signInData{Link: r.URL.Query().Get("link")}})
}

type signInData struct {
	Link string
	// Next is the page that was asked for.
	Next    string
	Problem string
}

// askToSignIn answers a person who is not signed in. Programs see by the status that the page was
// not given.
func (s *Server) askToSignIn(r *request) {
	next := ""
	if r.Method == http.MethodGet && r.URL.Path != "/live" {
		next = r.URL.RequestURI()
	}
	s.show(r, http.StatusUnauthorized, "signin", page{Title: "Sign in", Data: signInData{Next: next}})
}

// signIn begins a session by a link.
func (s *Server) signIn(r *request) {
	link := strings.TrimSpace(r.FormValue("link"))
	// The whole address is as good as the secret that is in it.
	if _, after, found := strings.Cut(link, "link="); found {
		link, _, _ = strings.Cut(after, "&")
	}
	next := local(r.FormValue("next"))
	secret, hash := NewSecret()
	var id *uuid.UUID
	wait, err := s.strangers.LookUp(address(r.Request), link, func() (bool, error) {
		err := s.cfg.DB.QueryRow(r.Context(), "select loom.sign_in($1::bytea, $2::bytea, $3::interval)", hashed(link), hash, lasts).Scan(&id)
		return id != nil, err
	})
	switch {
	case wait > 0:
		s.fail(r, tooMany(wait))
		return
	case err != nil:
		s.fail(r, fmt.Errorf("sign in: %w", err))
		return
	case id == nil:
		s.show(r, http.StatusUnauthorized, "signin", page{Title: "Sign in", Data: signInData{
			Next: next, Problem: "This link has been used, or is too old. Make a new one.",
		}})
		return
	}
	s.strangers.Know(secret)
	s.setCookie(r, sessionCookie, secret, lasts)
	_ = r.redirect(next, "")
}

// local returns a path of ours, never the address of another server.
func local(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// signOut ends the session.
func (s *Server) signOut(r *request) error {
	if _, err := s.cfg.DB.Exec(r.Context(), "select loom.sign_out($1::uuid)", r.who.ID); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	s.setCookie(r, sessionCookie, "", -1)
	return r.redirect("/sign-in", "")
}

// setCookie sets a cookie that other sites' requests do not carry. A negative lasting deletes it.
func (s *Server) setCookie(r *request, name, value string, lasting time.Duration) {
	seconds := int(lasting.Seconds())
	if lasting < 0 {
		seconds = -1
	}
	http.SetCookie(r.w, &http.Cookie{ //nolint:gosec // Secure wherever the console is reached by https
		Name: name, Value: value, Path: s.base + "/", MaxAge: seconds, HttpOnly: true,
		Secure: s.secure || r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
}

// browserCookie tells browsers apart, so that what somebody has saved is there after they have
// signed in again. It gives no access.
const (
	browserCookie = "loom_browser"
	browserLasts  = 365 * 24 * time.Hour
)

// browser is what tells the browser that sends a request from others. A new one is told what it is.
func (r *request) browser() string {
	if c, err := r.Cookie(browserCookie); err == nil && len(c.Value) == secretLength {
		return base64.RawURLEncoding.EncodeToString(hashed(c.Value))
	}
	secret, hash := NewSecret()
	r.s.setCookie(r, browserCookie, secret, browserLasts)
	return base64.RawURLEncoding.EncodeToString(hash)
}

const noticeCookie = "loom_notice"

// setNotice keeps a sentence for the next page.
func (r *request) setNotice(text string) {
	r.s.setCookie(r, noticeCookie, base64.RawURLEncoding.EncodeToString([]byte(text)), time.Minute)
}

// notice returns that sentence, once.
func (r *request) notice() string {
	c, err := r.Cookie(noticeCookie)
	if err != nil {
		return ""
	}
	r.s.setCookie(r, noticeCookie, "", -1)
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return ""
	}
	return string(text)
}

// Querier is what Offer needs of a database.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Offer makes a link that signs in once, within valid, and returns it. base is where users reach
// the console.
func Offer(ctx context.Context, db Querier, base string, p access.Principal, valid time.Duration) (string, error) {
	secret, hash := NewSecret()
	var none any
	err := db.QueryRow(ctx, "select loom.offer_sign_in($1::bytea, $2::text, $3::uuid, $4::text, $5::interval)", hash, string(p.Scope), p.User, p.Name, valid).Scan(&none)
	if err != nil {
		return "", fmt.Errorf("make a sign-in link: %w", err)
	}
	return strings.TrimRight(base, "/") + "/sign-in?link=" + secret, nil
}
