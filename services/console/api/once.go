package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/services/console/access"
)

// Idempotency keys (draft-ietf-httpapi-idempotency-key-header-07). A POST with a key is done once:
// sent again, it gets the first answer.
//
//	            ┌────────────── 5xx, or lost for runsFor ──────────────┐
//	            ▼                                                      │
//	(no row) ──run──▶ running ──answer──▶ stored ──keptFor──▶ (no row)  │
//	                     └─────────────────────────────────────────────┘
//
// Two things make it once also when the console is killed: what a request makes has an id that
// follows from its key, and is not made again if it is there; and a request that was lost is done
// by the next that has its key.
const (
	keyHeader = "Idempotency-Key"
	// keptFor is how long an answer is kept.
	keptFor = 24 * time.Hour
	// runsFor is when a request that has not ended was lost.
	runsFor = time.Minute
	// maxKey bounds a key's length.
	maxKey = 255
)

// unkept reports whether the answer to a request holds a secret, so that it is not kept.
func (a *API) unkept(r *http.Request) bool {
	_, pattern := a.mux.Handler(r)
	return a.secret[pattern]
}

// seed is what a request with a key makes ids of.
type seed struct{ uuid.UUID }

type seedKey struct{}

// newID returns the id of a thing that a request makes. A request that is sent again with its
// idempotency key makes the same one.
func newID(ctx context.Context, kind string) uuid.UUID {
	if s, found := ctx.Value(seedKey{}).(seed); found {
		return uuid.NewSHA1(s.UUID, []byte(kind))
	}
	return uuid.New()
}

// keys is the namespace of seeds.
var keys = uuid.MustParse("6f0b7d0e-6c7c-4b6e-9d3c-0b1f7a4d2c55")

// once does requests that have a key once.
func (a *API) once(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(keyHeader)
		p, known := access.From(r.Context())
		if key == "" || r.Method != http.MethodPost || !known {
			next.ServeHTTP(w, r)
			return
		}
		problem := NewProblem(http.StatusBadRequest, CodeMalformed, "The key cannot be used.")
		switch {
		case len(key) > maxKey || !printable(key):
			problem.Errors = []Fault{{Parameter: keyHeader, Detail: "it must have 1 to 255 printable characters of ASCII"}}
			a.refuse(w, problem)
			return
		case a.unkept(r):
			problem.Errors = []Fault{{Parameter: keyHeader, Detail: "leave it out: the answer holds a secret, and is not kept"}}
			a.refuse(w, problem)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			a.refuse(w, NewProblem(http.StatusBadRequest, CodeMalformed, "The body cannot be read."))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		o := &oneRequest{api: a, actor: string(p.Kind) + "/" + p.ID, key: key, request: fingerprint(r, body)}
		if err := o.begin(w, r, next); err != nil {
			var problem *Problem
			if errors.As(a.explain(r.Context(), "keep the request", err), &problem) {
				a.refuse(w, problem)
			}
		}
	})
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// fingerprint tells requests apart.
func fingerprint(r *http.Request, body []byte) []byte {
	hash := sha256.New()
	_, _ = io.WriteString(hash, r.Method+" "+r.URL.RequestURI()+"\n"+r.Header.Get("If-Match")+"\n")
	_, _ = hash.Write(body)
	return hash.Sum(nil)
}

// oneRequest is a request with a key.
type oneRequest struct {
	api        *API
	actor, key string
	request    []byte
}

// begin does the request, or answers what is to be said of it. It returns an error before anything
// was done.
func (o *oneRequest) begin(w http.ResponseWriter, r *http.Request, next http.Handler) error {
	var verdict string
	var status *int
	var headers, body []byte
	err := o.api.cfg.DB.QueryRow(r.Context(), "select verdict, status, headers, body from loom.begin_request($1::text, $2::text, $3::bytea, $4::text::interval, $5::text::interval)",
		o.actor, o.key, o.request, runsFor.String(), keptFor.String()).Scan(&verdict, &status, &headers, &body)
	if err != nil {
		return err
	}
	switch verdict {
	case "running":
		o.api.refuse(w, NewProblem(http.StatusConflict, CodeRunning, "Another request with this key is being done.").with("Retry-After", "1"))
	case "other":
		problem := NewProblem(http.StatusUnprocessableEntity, CodeKeyReused, "This key was used for another request.")
		problem.Errors = []Fault{{Parameter: keyHeader, Detail: "take a new key for each thing to do"}}
		o.api.refuse(w, problem)
	case "stored":
		var stored http.Header
		if err := json.Unmarshal(headers, &stored); err != nil {
			return err
		}
		for name, values := range stored {
			w.Header()[name] = values
		}
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(*status)
		_, _ = w.Write(body)
	default:
		o.run(w, r, next)
	}
	return nil
}

// run does the request and keeps its answer. It goes on if the caller goes away: that one will ask
// again.
func (o *oneRequest) run(w http.ResponseWriter, r *http.Request, next http.Handler) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), runsFor-10*time.Second)
	defer cancel()
	ctx = context.WithValue(ctx, seedKey{}, seed{uuid.NewSHA1(keys, append([]byte(o.actor+"\n"+o.key+"\n"), o.request...))})
	kept := &keptAnswer{header: http.Header{}, status: http.StatusOK}
	done := false
	defer func() {
		if !done { // it has panicked
			o.drop()
		}
	}()
	next.ServeHTTP(kept, r.WithContext(ctx))
	done = true
	fault.Here(fault.RequestDone)
	if kept.status >= http.StatusInternalServerError || kept.status == http.StatusTooManyRequests || !o.keep(kept) {
		o.drop()
	}
	fault.Here(fault.AnswerKept)
	for name, values := range kept.header {
		w.Header()[name] = values
	}
	w.WriteHeader(kept.status)
	_, _ = w.Write(kept.body.Bytes())
}

// ending bounds the time that it takes to keep an answer.
const ending = 5 * time.Second

func (o *oneRequest) keep(kept *keptAnswer) bool {
	ctx, cancel := context.WithTimeout(context.Background(), ending)
	defer cancel()
	headers, err := json.Marshal(kept.header)
	if err == nil {
		_, err = o.api.cfg.DB.Exec(ctx, "select loom.end_request($1::text, $2::text, $3::bytea, $4::int, $5::text::jsonb, $6::bytea)",
			o.actor, o.key, o.request, kept.status, string(headers), kept.body.Bytes())
	}
	if err != nil {
		o.api.cfg.Log.Warn().Err(err).Msg("answer not kept")
	}
	return err == nil
}

// drop gives the request up: the next one with the key is done.
func (o *oneRequest) drop() {
	ctx, cancel := context.WithTimeout(context.Background(), ending)
	defer cancel()
	if _, err := o.api.cfg.DB.Exec(ctx, "select loom.drop_request($1::text, $2::text, $3::bytea)", o.actor, o.key, o.request); err != nil {
		o.api.cfg.Log.Warn().Err(err).Msg("request not given up")
	}
}

// keptAnswer takes an answer.
type keptAnswer struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (k *keptAnswer) Header() http.Header { return k.header }

func (k *keptAnswer) WriteHeader(status int) {
	if !k.wrote {
		k.status, k.wrote = status, true
	}
}

func (k *keptAnswer) Write(data []byte) (int, error) {
	k.wrote = true
	return k.body.Write(data)
}
