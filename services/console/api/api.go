package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/pictures"
	"github.com/loom-lite/loom-lite/services/console/preflight"
	"github.com/loom-lite/loom-lite/services/console/receipts"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/tokens"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// Config is what the API works with.
type Config struct {
	DB *pgxpool.Pool
	// URL is where users reach the console, without a slash at its end. Empty: Location headers
	// have paths only.
	URL string
	// Store has the objects of Buckets.
	Store   Store
	Buckets Buckets
	// Keeper seals secrets of webhooks. Nil: they are stored as they are.
	Keeper *webhooks.Keeper
	// Objects reads them, as the console reaches them itself.
	Objects preflight.Store
	// Pictures has those of scenes that are being recorded.
	Pictures *pictures.Keeper
	// Rate is how many requests a second each token may send. 0: any number.
	Rate int
	// Forecasts say when renders will end. Nil: the API has its own.
	Forecasts *forecast.Forecaster
	// Prices are what renders cost.
	Prices receipts.Prices
	Log    zerolog.Logger
}

// API serves /v1.
type API struct {
	cfg Config
	// prefix is the path of cfg.URL.
	prefix  string
	huma    huma.API
	mux     *http.ServeMux
	handler http.Handler
	limits  *limits
	// strangers bounds how many unknown tokens are looked up.
	strangers access.Strangers
	// secret are the patterns of operations whose answers have secrets.
	secret map[string]bool
	// watchers and the two after it are for streams of events.
	watchers  *watchers
	heartbeat time.Duration
	closing   chan struct{}
	close     func()
	// bodyWithin bounds how long a body may take to come.
	bodyWithin time.Duration
	drawing    chan struct{} // has room for one contact sheet
	reading    chan struct{} // has room for requests with lists
}

const (
	// maxBody bounds a request's body in bytes: a campaign of the largest size, and what is around
	// it.
	maxBody = 1<<20 + 64<<10
	bearer  = "bearer"
)

// Need is what an operation takes.
type Need struct {
	Scope access.Scope
	// Installation: it is about more than one user's campaigns, so a principal with a User is
	// refused.
	Installation bool
	// Secret: its answer has one, which is kept nowhere. So it takes no idempotency key.
	Secret bool
}

// needKey is where an operation has its Need.
const needKey = "need"

// noKey marks in the document an operation that takes no idempotency key.
const noKey = "x-no-idempotency-key"

// New returns the API. It is a handler of all paths below /v1/.
func New(cfg Config) *API {
	ownErrors()
	if cfg.Keeper == nil {
		cfg.Keeper = &webhooks.Keeper{}
	}
	if cfg.Forecasts == nil {
		cfg.Forecasts = forecast.New(cfg.DB)
	}
	a := &API{cfg: cfg, mux: http.NewServeMux(), limits: newLimits(cfg.Rate), heartbeat: heartbeat, closing: make(chan struct{}), secret: map[string]bool{}, bodyWithin: bodyWithin}
	a.close = sync.OnceFunc(func() { close(a.closing) })
	a.watchers = &watchers{db: cfg.DB, log: cfg.Log, every: watchEvery, of: map[uuid.UUID]map[*watcher]bool{}, by: map[string]int{}}
	a.drawing = make(chan struct{}, 1)
	a.reading = make(chan struct{}, listsAtOnce)
	if u, err := url.Parse(cfg.URL); err == nil {
		a.prefix = strings.TrimRight(u.Path, "/")
	}
	config := huma.DefaultConfig("loom-lite", "1")
	config.Info.Description = "Turns campaigns (web pages and, if you like, a presenter's video) into videos. " +
		"docs/reference/api.md explains tokens, lists, events, idempotency and problems."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "/v1/openapi", "", "", nil
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", named)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearer: {Type: "http", Scheme: bearer, Description: "A token that `loom tokens create` or POST /v1/tokens has made."},
	}
	a.huma = humago.New(a.mux, config)
	a.huma.UseMiddleware(a.admit)
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-version", Method: http.MethodGet, Path: "/v1/version", Summary: "Which build this is", Tags: []string{"installation"},
	}, version)
	a.renders()
	a.events()
	a.artifacts()
	a.campaigns()
	a.stages()
	a.letters()
	a.tokens()
	a.webhooks()
	a.preflights()
	a.receipts()
	a.bulkActions()
	a.batches()
	a.savedViews()
	a.campaignSchemas()
	a.messages()
	a.mux.HandleFunc("/v1/", a.nothing)
	a.handler = a.authenticate(a.bound(a.whole(a.once(a.lists(a.mux)))))
	return a
}

// named names a type in the document. Those of one moment have names of their own.
func named(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if strings.HasSuffix(t.PkgPath(), "/snapshot") && t.Name() != "Snapshot" {
		return "Snapshot" + name
	}
	if strings.HasSuffix(t.PkgPath(), "/webhooks") {
		return "Webhook" + name
	}
	if strings.HasSuffix(t.PkgPath(), "/sheet") {
		return "Row" + name
	}
	if strings.HasSuffix(t.PkgPath(), "/batches") && t.Name() != "Batch" {
		return "Batch" + name
	}
	return name
}

// Document is what /v1/openapi.json serves.
func (a *API) Document() *huma.OpenAPI { return a.huma.OpenAPI() }

// Close ends the streams of events, whose readers come again. Other requests are served all the
// same.
func (a *API) Close() { a.close() }

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	r.Body = http.MaxBytesReader(w, r.Body, bodyOf(r))
	if traces := r.Header.Values(msg.HeaderTrace); len(traces) == 1 {
		r = r.WithContext(msg.WithTrace(r.Context(), msg.ParseTrace(traces[0])))
	}
	a.handler.ServeHTTP(w, r)
}

// Handle registers an operation. It answers what handler returns, and for errors their problems.
func Handle[I, O any](a *API, need Need, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Security = []map[string][]string{{bearer: {}}}
	op.Metadata = map[string]any{needKey: need}
	op.Extensions = map[string]any{"x-scope": need.Scope, "x-installation": need.Installation}
	if need.Secret {
		a.secret[op.Method+" "+op.Path] = true
		op.Extensions[noKey] = true
	}
	op.Description = strings.TrimSpace(op.Description + "\n\n" + need.String())
	op.MaxBodyBytes = maxBody
	if op.Path == batchesPath {
		op.MaxBodyBytes = maxList
	}
	op.BodyReadTimeout = -1 // it is there: see whole
	op.RejectUnknownQueryParameters = true
	op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity,
		http.StatusTooManyRequests, http.StatusServiceUnavailable)
	switch op.Method {
	case http.MethodPost: // it may have an idempotency key, which another request has
		op.Errors = append(op.Errors, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	case http.MethodPut, http.MethodPatch:
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, a.explain(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

func (n Need) String() string {
	if n.Installation {
		return fmt.Sprintf("It takes a token with the scope `%s` for all users.", n.Scope)
	}
	return fmt.Sprintf("It takes a token with the scope `%s`.", n.Scope)
}

// explain returns the problem that an error is to the caller. What is no fault of the caller's goes
// to the log, and nothing of it into the answer.
func (a *API) explain(ctx context.Context, operation string, err error) error {
	var problem *Problem
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &unchanged{}):
		return err
	case errors.Is(err, renders.ErrNotFound), errors.Is(err, renders.ErrNoCampaign), errors.Is(err, renders.ErrNoLetter), errors.Is(err, tokens.ErrNotFound):
		return NewProblem(http.StatusNotFound, CodeNotFound, "%s.", sentence(cause(err)))
	case errors.Is(err, renders.ErrCursor):
		p := NewProblem(http.StatusBadRequest, CodeMalformed, "The cursor is none of this list's.")
		p.Errors = []Fault{{Parameter: "cursor", Detail: "send next_cursor as an earlier page had it"}}
		return p
	case errors.Is(err, renders.ErrHeld):
		return NewProblem(http.StatusServiceUnavailable, CodeHeld, "Another transaction holds the rows. Try again when it has ended.").with("Retry-After", "3")
	case forbidden(err) != "":
		a.cfg.Log.Warn().Err(err).Str("operation", operation).Msg("the app's database refused a change")
		return NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "A rule of the app's database does not allow it: %s.", forbidden(err))
	case unstorable(err):
		return NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "A text has characters that no database of PostgreSQL has: a zero byte, or bytes that are no UTF-8.")
	case ctx.Err() != nil:
		return NewProblem(http.StatusServiceUnavailable, CodeUnavailable, "The request ended before it was done.")
	}
	a.cfg.Log.Error().Err(err).Str("operation", operation).Msg("request failed")
	if unavailable(err) {
		return NewProblem(http.StatusServiceUnavailable, CodeUnavailable, "The database cannot be reached.").with("Retry-After", "5")
	}
	return NewProblem(http.StatusInternalServerError, CodeInternal, "It is in the console's log.")
}

// unavailable reports whether the database could not be asked, or gave up for a while: classes 08,
// 53 and 57 of SQLSTATE.
func unavailable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "57")
	}
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err)
}

// forbidden returns which rule of the app's tables a change would break, a constraint or a trigger
// of the app's own; empty if it would break none.
func forbidden(err error) string {
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
		return ""
	case strings.HasPrefix(pg.Code, "23") && pg.SchemaName == "public":
		return strings.TrimSpace(pg.TableName + " " + cmp.Or(pg.ConstraintName, pg.ColumnName))
	case pg.Code == "P0001": // no code of ours raises it
		return "a trigger"
	}
	return ""
}

// unstorable reports whether the caller has sent text that PostgreSQL does not take.
func unstorable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "22021" || pg.Code == "22P05")
}

// cause returns which of the errors for "not found" err is.
func cause(err error) error {
	for _, known := range []error{renders.ErrNotFound, renders.ErrNoCampaign, renders.ErrNoLetter, tokens.ErrNotFound} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

// sentence begins a text with a capital.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// at returns where a path of the API is, for Location.
func (a *API) at(path string) string {
	if a.cfg.URL != "" {
		return a.cfg.URL + path
	}
	return path
}

// nothing answers for paths that no operation has, and for methods that a path does not take.
func (a *API) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := a.mux.Handler(other); pattern != "/v1/" {
			allowed = append(allowed, method)
		}
	}
	if allowed != nil {
		a.refuse(w, NewProblem(http.StatusMethodNotAllowed, CodeMethod, "This path takes %s.", strings.Join(allowed, " and ")).
			with("Allow", strings.Join(allowed, ", ")))
		return
	}
	a.refuse(w, NewProblem(http.StatusNotFound, CodeNotFound, "There is no such path in the API."))
}

type versionOutput struct {
	Body struct {
		Version string `json:"version" doc:"The release or, between releases, the commit." example:"v1.0.0"`
	}
}

func version(context.Context, *struct{}) (*versionOutput, error) {
	out := &versionOutput{}
	out.Body.Version = service.Version()
	return out, nil
}
