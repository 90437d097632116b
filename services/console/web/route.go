package web

import (
	"net/http"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// route is a page or an action, and the least that a person needs for it.
type route struct {
	pattern string
	scope   access.Scope
	// whole: it is about the installation, which a person of one user does not see.
	whole bool
	serve func(*request) error
}

// routes are all that need a session. An action is a POST: it answers with a redirect to a page.
func (s *Server) routes() []route {
	return []route{
		{"GET /{$}", access.Read, false, s.overview},
		{"GET /renders", access.Read, false, s.list},
		{"POST /views", access.Read, false, s.saveView},
		{"POST /views/{id}/delete", access.Read, false, s.deleteView},
		{"GET /bulk", access.Read, false, s.bulkActions},
		{"GET /bulk/new", access.Write, false, s.countBulk},
		{"POST /bulk", access.Write, false, s.createBulk},
		{"GET /bulk/{id}", access.Read, false, s.bulkAction},
		{"POST /bulk/{id}/abort", access.Write, false, s.abortBulk},
		{"GET /new", access.Write, false, s.form},
		{"POST /new", access.Write, false, s.create},
		{"GET /renders/{id}", access.Read, false, s.render},
		{"GET /renders/{id}/bundle", access.Read, false, s.bundle},
		{"GET /renders/{id}/scenes/{scene}/picture", access.Read, false, s.scenePicture},
		{"GET /renders/{id}/report", access.Read, false, s.report},
		{"POST /renders/{id}/cancel", access.Write, false, s.cancel},
		{"POST /renders/{id}/retry", access.Write, false, s.retry},
		{"POST /renders/{id}/preflight", access.Write, false, s.checkRender},
		{"GET /preflights", access.Read, false, s.preflights},
		{"GET /preflights/{id}", access.Read, false, s.preflight},
		{"GET /preflights/{id}/pictures/{scene}", access.Read, false, s.picture},
		{"GET /preflights/{id}/sheet", access.Read, false, s.sheet},
		{"POST /preflights/{id}/cancel", access.Write, false, s.cancelPreflight},
		{"GET /stages", access.Read, true, s.stages},
		{"POST /stages/{stage}/pause", access.Write, true, s.pause},
		{"POST /stages/{stage}/resume", access.Write, true, s.resume},
		{"GET /dead", access.Read, true, s.dead},
		{"POST /dead/replay", access.Write, true, s.replay},
		{"POST /dead/discard", access.Write, true, s.discard},
		{"GET /webhooks", access.Read, false, s.endpoints},
		{"POST /webhooks", access.Write, false, s.makeEndpoint},
		{"GET /webhooks/new", access.Write, false, s.newEndpoint},
		{"GET /webhooks/{id}", access.Read, false, s.endpoint},
		{"POST /webhooks/{id}", access.Write, false, s.editEndpoint},
		{"POST /webhooks/{id}/enable", access.Write, false, s.switchEndpoint},
		{"POST /webhooks/{id}/disable", access.Write, false, s.switchEndpoint},
		{"POST /webhooks/{id}/rotate", access.Write, false, s.rotateSecret},
		{"POST /webhooks/{id}/test", access.Write, false, s.testEndpoint},
		{"POST /webhooks/{id}/delete", access.Write, false, s.deleteEndpoint},
		{"GET /deliveries", access.Read, false, s.deliveries},
		{"GET /deliveries/{id}", access.Read, false, s.delivery},
		{"POST /deliveries/resend", access.Write, false, s.resend},
		{"GET /cache", access.Read, true, s.cache},
		{"POST /cache/drop", access.Write, true, s.drop},
		{"GET /tokens", access.Admin, true, s.tokens},
		{"POST /tokens", access.Admin, true, s.makeToken},
		{"POST /tokens/{id}/revoke", access.Admin, true, s.revokeToken},
		{"GET /audit", access.Admin, true, s.audit},
		{"GET /live", access.Read, false, s.live},
		{"POST /sign-out", access.Read, false, s.signOut},
	}
}

// handle serves a route to who has signed in and may.
func (s *Server) handle(mux *http.ServeMux, rt route) {
	mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, hr *http.Request) {
		r := s.request(w, hr)
		switch who, err := s.session(hr); {
		case err != nil:
			s.fail(r, err)
		case who == nil:
			s.askToSignIn(r)
		case !who.Scope.Covers(rt.scope):
			r.who, r.in = *who, true
			s.fail(r, &refusal{status: http.StatusForbidden, title: "Not allowed", text: "Your access is " + roleOf(who.Scope) + ". This needs " + roleOf(rt.scope) + "."})
		case rt.whole && who.User != nil:
			r.who, r.in = *who, true
			s.fail(r, errNoPage)
		default:
			r.who, r.in = *who, true
			r.who.Browser = r.browser()
			r.Request = hr.WithContext(access.With(hr.Context(), r.who))
			if err := rt.serve(r); err != nil {
				s.fail(r, err)
			}
		}
	})
}

// roleOf names a scope to people.
func roleOf(scope access.Scope) string {
	switch scope {
	case access.Admin:
		return "admin"
	case access.Write:
		return "operator"
	}
	return "read-only"
}
