package api

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

// authenticate finds out who sends a request. One without a token goes on without a principal:
// few operations take none.
func (a *API) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		if header == "" {
			next.ServeHTTP(w, r)
			return
		}
		scheme, secret, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, bearer) {
			a.refuse(w, NewProblem(http.StatusUnauthorized, CodeTokenInvalid, "The Authorization header is not of the form Bearer TOKEN.").
				with("WWW-Authenticate", `Bearer error="invalid_request"`))
			return
		}
		p, wait, err := a.principal(r, strings.TrimSpace(secret))
		switch {
		case wait > 0:
			a.refuse(w, tooMany(wait, "Tokens that are unknown come too often from this address."))
			return
		case errors.Is(err, tokens.ErrUnknown):
			a.refuse(w, NewProblem(http.StatusUnauthorized, CodeTokenInvalid, "The token is unknown, has expired or was revoked.").
				with("WWW-Authenticate", `Bearer error="invalid_token"`))
			return
		case err != nil:
			var problem *Problem
			if errors.As(a.explain(r.Context(), "authenticate", err), &problem) {
				a.refuse(w, problem)
			}
			return
		}
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), p)))
	})
}

// principal returns whose token secret is. Where unknown tokens come from, it may have to wait.
func (a *API) principal(r *http.Request, secret string) (p access.Principal, wait time.Duration, err error) {
	from := address(r)
	wait, _ = a.strangers.LookUp(from, secret, func() (known bool, failed error) {
		if p, err = tokens.Use(r.Context(), a.cfg.DB, secret); errors.Is(err, tokens.ErrUnknown) {
			return false, nil
		}
		return err == nil, err
	})
	p.Address = from
	return p, wait, err
}

// address is where a request came from.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// admit refuses operations for which the principal has not what they take.
func (a *API) admit(ctx huma.Context, next func(huma.Context)) {
	need, takes := ctx.Operation().Metadata[needKey].(Need)
	if !takes {
		next(ctx)
		return
	}
	_, w := humago.Unwrap(ctx)
	p, known := access.From(ctx.Context())
	switch {
	case !known:
		a.refuse(w, NewProblem(http.StatusUnauthorized, CodeTokenMissing, "Send a token: Authorization: Bearer TOKEN.").with("WWW-Authenticate", "Bearer"))
	case !p.Scope.Covers(need.Scope):
		a.refuse(w, NewProblem(http.StatusForbidden, CodeScope, "This takes the scope %s, and the token has %s.", need.Scope, p.Scope))
	case need.Installation && p.User != nil:
		a.refuse(w, NewProblem(http.StatusForbidden, CodeOneUser, "This is about the installation, and the token is for the campaigns of one user."))
	default:
		next(ctx)
	}
}

// refuse answers with a problem.
func (a *API) refuse(w http.ResponseWriter, p *Problem) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if data, err := json.Marshal(p); err == nil {
		_, _ = w.Write(data)
	}
}
