package web

import (
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/scenecache"
)

// cache shows what recordings may be used again.
func (s *Server) cache(r *request) error {
	cached, err := scenecache.Read(r.Context(), s.cfg.DB, r.URL.Query().Get("host"), 100)
	if err != nil {
		return err
	}
	s.show(r, http.StatusOK, "cache", page{Title: "Scene cache", Nav: "cache", Live: true, Data: cachePage{cached, r.URL.Query().Get("host")}})
	return nil
}

// cachePage is the page of the scene cache.
type cachePage struct {
	scenecache.Cache

	Host string
}

// drop has recordings not used again: those that are chosen, or all of a host.
func (s *Server) drop(r *request) error {
	if err := r.ParseForm(); err != nil {
		return errUnreadableForm
	}
	var ids []uuid.UUID
	for _, text := range r.PostForm["id"] {
		id, err := uuid.Parse(text)
		if err != nil {
			return errNothingHere
		}
		ids = append(ids, id)
	}
	host := r.PostFormValue("host")
	if len(ids) == 0 && host == "" {
		return errNothingHere
	}
	dropped, err := scenecache.Drop(r.Context(), s.cfg.DB, ids, host)
	if err != nil {
		return err
	}
	return r.redirect("/cache", fmt.Sprintf("Dropped %d. Their pages are recorded again when they are next asked for.", dropped))
}

var errNothingHere = &refusal{status: http.StatusUnprocessableEntity, title: "Nothing was chosen", text: "Choose recordings, or a host. Nothing was changed."}
