package web

import (
	"time"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// Route is a route, for tests.
type Route struct {
	Pattern string
	Scope   access.Scope
	Whole   bool
}

// Routes returns all routes that need a session.
func (s *Server) Routes() (list []Route) {
	for _, rt := range s.routes() {
		list = append(list, Route{rt.pattern, rt.scope, rt.whole})
	}
	return list
}

// FormWithin has forms come within a time.
func (s *Server) FormWithin(within time.Duration) { s.formWithin = within }
