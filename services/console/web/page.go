package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

//go:embed templates
var templates embed.FS

// pages are the templates by name. Each has the layout's, and its own "content".
type pages map[string]*template.Template

func parse() (pages, error) {
	layout, err := template.New("").Funcs(functions).ParseFS(templates, "templates/layout/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	all := pages{}
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		t, err := layout.Clone()
		if err == nil {
			t, err = t.ParseFS(templates, name)
		}
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		all[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return all, nil
}

// page is what a template is given.
type page struct {
	*request

	Title string
	// Nav is the entry of the navigation that the page belongs to.
	Nav    string
	Notice string
	// Live: the page is fetched again when something changes. About is the render that it is about.
	Live  bool
	About string
	// Media are addresses of pictures and videos that the page shows, and Origins those that the
	// page in the browser may load them from.
	Media   []*string
	Origins []string
	Data    any
}

// show answers with a page.
func (s *Server) show(r *request, status int, name string, p page) {
	p.request = r
	part := "page"
	p.Origins = origins(p.Media)
	if p.Fetched() {
		part = "content" // htmx puts it in place
		p.keepPolicy()
	} else {
		p.Notice = r.notice()
	}
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, part, &p); err != nil {
		s.cfg.Log.Error().Err(err).Str("page", name).Msg("a page could not be made")
		http.Error(r.w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	r.w.Header().Set("Content-Security-Policy", policy(p.Origins))
	r.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	r.w.Header().Add("Vary", "HX-Request")
	r.w.WriteHeader(status)
	_, _ = r.w.Write(b.Bytes())
}

// originsHeader is how a page that is fetched again names the origins that its policy lets it load
// pictures and videos from.
const originsHeader = "Loom-Origins"

// keepPolicy is about a page that is fetched again: the policy stays that of the page that is in
// the browser. Where that refuses a picture or video, as when the first render of all is done, the
// browser is asked to load the whole page.
func (p *page) keepPolicy() {
	var kept []string
	for _, from := range strings.Fields(p.Header.Get(originsHeader)) {
		if origin(from) == from {
			kept = append(kept, from)
		}
	}
	for _, from := range p.Origins {
		if !slices.Contains(kept, from) {
			p.w.Header().Set("HX-Refresh", "true")
		}
	}
	p.Origins = kept
}

// Sources are the origins as the header has them.
func (p *page) Sources() string {
	text, err := json.Marshal(map[string]string{originsHeader: strings.Join(p.Origins, " ")})
	if err != nil {
		panic(err) // it is a map of texts
	}
	return string(text)
}

// refusal is an error whose words are for the person.
type refusal struct {
	status      int
	title, text string
	// wait is after how long it is worth to ask again; 0: nobody knows.
	wait time.Duration
}

func (e *refusal) Error() string { return e.text }

var (
	errNoPage         = &refusal{status: http.StatusNotFound, title: "Not found", text: "There is no such page."}
	errUnreadableForm = &refusal{status: http.StatusBadRequest, title: "The form could not be read", text: "Nothing was changed."}
	errLostPage       = &refusal{status: http.StatusUnprocessableEntity, title: "This page of the list cannot be found", text: "Begin again with its first page."}
)

// fail answers with an error, as a page. What went wrong on our side is in the log.
func (s *Server) fail(r *request, err error) {
	var known *refusal
	switch {
	case errors.As(err, &known):
	case errors.Is(err, renders.ErrNotFound), errors.Is(err, renders.ErrNoLetter):
		known = &refusal{status: http.StatusNotFound, title: "Not found", text: "There is nothing with that id, or it is not yours."}
	case r.Context().Err() != nil:
		return // who asked has gone
	case errors.Is(err, renders.ErrHeld):
		known = &refusal{
			status: http.StatusServiceUnavailable, title: "Somebody else is changing this", wait: 3 * time.Second,
			text: "Another transaction holds its rows. Nothing was changed. Try again when that has ended.",
		}
	default:
		s.logFailure(r, err)
		known = &refusal{
			status: http.StatusServiceUnavailable, title: "This could not be loaded",
			text: "The database, or something else that the console needs, did not answer. The console's log says more.",
		}
	}
	if known.wait > 0 {
		r.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(known.wait.Seconds()))))
	}
	s.show(r, known.status, "error", page{Title: known.title, Data: known.text})
}

func (s *Server) logFailure(r *request, err error) {
	s.cfg.Log.Error().Err(err).Str("method", r.Method).Str("path", r.URL.Path).Msg("a request failed")
}

// Fetched reports whether a script fetches the page again: there, what stands in for scripts would
// be elements like others.
func (p *page) Fetched() bool { return p.Header.Get("HX-Request") == "true" }

// Signed reports whether somebody has signed in.
func (p *page) Signed() bool { return p.in }

// Who has signed in.
func (p *page) Who() access.Principal { return p.who }

// Role is what who has signed in is called.
func (p *page) Role() string { return roleOf(p.who.Scope) }

// MayWrite reports whether buttons that change renders are shown.
func (p *page) MayWrite() bool { return p.in && p.who.Scope.Covers(access.Write) }

// IsAdmin reports whether what admins alone do is shown.
func (p *page) IsAdmin() bool { return p.in && p.who.Scope.Covers(access.Admin) }

// Link is a path as a browser requests it. Further words are joined to it, as they are.
func (p *page) Link(parts ...any) string { return p.s.link(fmt.Sprint(parts...)) }

// Self is this page's address.
func (p *page) Self() string { return p.s.link(p.URL.RequestURI()) }

// Asset is the address of a file of ours.
func (p *page) Asset(name string) string { return p.s.link("/assets/" + files[name].name) }

// Theme is light, dark, or empty: as the viewer's system has it.
func (p *page) Theme() string {
	if c, err := p.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}
