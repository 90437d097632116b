package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/body"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/pictures"
	"github.com/loom-lite/loom-lite/services/console/preflight"
	"github.com/loom-lite/loom-lite/services/console/receipts"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// Store signs URLs of objects.
type Store interface {
	Sign(ctx context.Context, bucket, key string, ttl time.Duration) (url string, err error)
}

// signedFor is how long a signed URL is valid: long enough to begin a download.
const signedFor = 5 * time.Minute

// Config is what the dashboard needs.
type Config struct {
	DB   *pgxpool.Pool
	NATS *nats.Conn
	// URL is where users reach the console. Its path is the prefix of all links.
	URL *url.URL
	// Store signs URLs of what is in WorkBucket, where failure bundles are.
	Store Store
	// Pictures are of scenes that are being recorded; nil: none.
	Pictures *pictures.Keeper
	// Forecasts say when renders will end, and Prices what they cost.
	Forecasts *forecast.Forecaster
	Prices    receipts.Prices
	// Keeper seals the secrets of webhooks.
	Keeper *webhooks.Keeper
	// Objects has the pictures of preflights, in WorkBucket.
	Objects    preflight.Store
	WorkBucket string
	Log        zerolog.Logger
}

// Server serves the dashboard.
type Server struct {
	cfg Config
	// base is the prefix of all links: empty, or a path without a slash at its end.
	base   string
	secure bool
	mux    *http.ServeMux
	guard  *http.CrossOriginProtection
	pages  pages
	news   *news
	// formWithin is how long a form may take to come.
	formWithin time.Duration
	// strangers bounds how many unknown sessions and links are looked up.
	strangers access.Strangers
	// drawing is held while a contact sheet is drawn.
	drawing chan struct{}
}

// New returns a dashboard. It ends what it streams when ctx is cancelled.
func New(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, base: strings.TrimRight(cfg.URL.Path, "/"), secure: cfg.URL.Scheme == "https", mux: http.NewServeMux(), formWithin: formWithin, drawing: make(chan struct{}, 1)}
	s.guard = http.NewCrossOriginProtection()
	if err := s.guard.AddTrustedOrigin(cfg.URL.Scheme + "://" + cfg.URL.Host); err != nil {
		return nil, fmt.Errorf("trust the console's own origin: %w", err)
	}
	s.guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(s.request(w, r), &refusal{status: http.StatusForbidden, title: "Refused", text: "The request came from another site."})
	}))
	var err error
	if s.pages, err = parse(); err != nil {
		return nil, err
	}
	if s.news, err = listen(ctx, cfg.NATS); err != nil {
		return nil, err
	}
	for _, rt := range s.routes() {
		s.handle(s.mux, rt)
	}
	s.mux.HandleFunc("GET /assets/{name}", s.asset)
	s.mux.HandleFunc("GET /sign-in", func(w http.ResponseWriter, r *http.Request) { s.signInPage(s.request(w, r)) })
	s.mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) { s.signIn(s.request(w, r)) })
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(s.request(w, r), errNoPage) })
	return s, nil
}

const (
	// maxForm bounds the bytes of a form, and formWithin how long it may take to come.
	maxForm    = 256 << 10
	formWithin = 10 * time.Second
)

// ServeHTTP serves a request whose path has no prefix.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.protect(w.Header())
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	s.guard.Handler(s.whole(s.mux)).ServeHTTP(w, r)
}

// whole reads forms before anything is done with them.
func (s *Server) whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		form, err := body.Read(w, r, s.formWithin)
		if err != nil {
			w.Header().Set("Connection", "close") // the rest of it is still to come
			s.fail(s.request(w, r), unreadForm(err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(form))
		next.ServeHTTP(w, r)
	})
}

// unreadForm says to people why a form could not be read.
func unreadForm(err error) error {
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return &refusal{status: http.StatusRequestEntityTooLarge, title: "The form is too large", text: fmt.Sprintf("It has more than %s. Nothing was changed.", size(maxForm))}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{status: http.StatusRequestTimeout, title: "The form came too slowly", text: "Nothing was changed. Try again."}
	}
	return errUnreadableForm
}

// protect sets the headers that every answer has.
func (s *Server) protect(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy(nil))
}

// policy lets a page load scripts, styles and data of this server's, and no other's; and pictures
// and videos of media. Nothing runs or styles that is written in the page.
func policy(media []string) string {
	from := strings.Join(append([]string{"'self'"}, media...), " ")
	return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src " + from + "; media-src " + from +
		"; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

// request is a request that is being answered.
type request struct {
	*http.Request

	w http.ResponseWriter
	s *Server
	// who has signed in, if in.
	who  access.Principal
	in   bool
	zone *time.Location
	now  time.Time
}

func (s *Server) request(w http.ResponseWriter, r *http.Request) *request {
	return &request{Request: r, w: w, s: s, zone: zone(r), now: time.Now()}
}

// redirect answers an action: the browser shows a page of ours, with what was done said on it.
func (r *request) redirect(path, notice string) error {
	if notice != "" {
		r.setNotice(notice)
	}
	http.Redirect(r.w, r.Request, r.s.link(path), http.StatusSeeOther) //nolint:gosec // a path of ours: see local
	return nil
}

// link is a path as a browser has it to request.
func (s *Server) link(path string) string { return s.base + path }

// zone is that of the viewer's browser, which a script notes in a cookie; UTC before that.
func zone(r *http.Request) *time.Location {
	if c, err := r.Cookie(zoneCookie); err == nil {
		if name, err := url.QueryUnescape(c.Value); err == nil && len(name) < 64 && name != "Local" {
			if found, err := time.LoadLocation(name); err == nil {
				return found
			}
		}
	}
	return time.UTC
}

const (
	zoneCookie  = "loom_zone"
	themeCookie = "loom_theme"
)
