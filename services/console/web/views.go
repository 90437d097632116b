package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/views"
)

// viewLink is a saved view of the list.
type viewLink struct {
	ID         uuid.UUID
	Name, Link string
	Current    bool
}

// viewLinks are the views that who looks has saved.
func (s *Server) viewLinks(r *request, now query) (list []viewLink, err error) {
	saved, err := views.List(r.Context(), s.cfg.DB)
	if err != nil {
		return nil, err
	}
	for _, v := range saved {
		values := valuesOf(v.Filter)
		list = append(list, viewLink{v.ID, v.Name, s.link(listAt(values)), values.Encode() == now.values.Encode()})
	}
	return list, nil
}

// longestName bounds the name of a view, in runes.
const longestName = 100

// saveView saves the filter of the list under a name.
func (s *Server) saveView(r *request) error {
	q, name, err := r.namedFilter()
	if err != nil {
		return err
	}
	_, err = views.Save(r.Context(), s.cfg.DB, name, q.selection())
	if errors.Is(err, views.ErrTooMany) {
		return &refusal{status: http.StatusConflict, title: "The view is not saved", text: fmt.Sprintf("You have %d views. Delete one first.", views.Most)}
	}
	if err != nil {
		return err
	}
	return r.redirect(listAt(valuesOf(q.selection())), "The view “"+name+"” is saved.")
}

func (r *request) namedFilter() (q query, name string, err error) {
	if err := r.ParseForm(); err != nil {
		return q, "", errUnreadableForm
	}
	if q, err = readQuery(r.PostForm, r.now); err != nil {
		return q, "", err
	}
	name = strings.TrimSpace(r.PostFormValue("name"))
	if name == "" || utf8.RuneCountInString(name) > longestName || strings.ContainsRune(name, 0) {
		return q, "", &refusal{status: http.StatusUnprocessableEntity, title: "The view is not saved", text: fmt.Sprintf("Its name has 1 to %d characters.", longestName)}
	}
	if q.Empty() {
		return q, "", &refusal{status: http.StatusUnprocessableEntity, title: "The view is not saved", text: "Set a filter first: without one, it would be the list itself."}
	}
	return q, name, nil
}

// deleteView deletes a view of who asks.
func (s *Server) deleteView(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	err = views.Delete(r.Context(), s.cfg.DB, id)
	if errors.Is(err, views.ErrNotFound) {
		return errNoPage
	}
	if err != nil {
		return err
	}
	return r.redirect("/renders", "The view is deleted.")
}
