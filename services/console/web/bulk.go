package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/loom-lite/loom-lite/services/console/bulk"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// bulkForm asks whether something is to be done to many renders.
type bulkForm struct {
	bulk.Counts

	Action   string
	Priority int
	// Filter is what is meant, and Fields are it as the form has it.
	Filter renders.Filter
	Fields url.Values
	// Back is the address of the list.
	Back string
	// TooMany: more match than one action changes.
	TooMany bool
	Most    int
}

// Leaves is how many match to which nothing is done.
func (d bulkForm) Leaves() int { return d.Matched - d.Eligible }

// wanted reads what is to be done, and to which renders.
func (r *request) wanted(values url.Values) (w bulk.Request, q query, err error) {
	if q, err = readQuery(values, r.now); err != nil {
		return w, q, err
	}
	w = bulk.Request{Action: values.Get("action"), Filter: q.filter}
	switch w.Action {
	case bulk.Retry, bulk.Cancel:
	case bulk.Priority:
		if w.Priority, err = strconv.Atoi(values.Get("priority")); err != nil || w.Priority < renders.LeastPriority || w.Priority > renders.MostPriority {
			return w, q, &refusal{
				status: http.StatusUnprocessableEntity, title: "The priority cannot be read",
				text: fmt.Sprintf("It is a whole number from %d to %d.", renders.LeastPriority, renders.MostPriority),
			}
		}
	default:
		return w, q, &refusal{status: http.StatusUnprocessableEntity, title: "There is no such action", text: "Renders can be retried, cancelled, and given a priority."}
	}
	return w, q, nil
}

// refused says to people why package bulk refuses. Other errors stay as they are.
func refused(err error) error {
	switch {
	case errors.Is(err, bulk.ErrEmpty):
		return &refusal{status: http.StatusUnprocessableEntity, title: "The filter is empty", text: "It would mean every render. Set something of it first. Nothing was changed."}
	case errors.Is(err, bulk.ErrTooMany):
		return &refusal{status: http.StatusUnprocessableEntity, title: "Too many renders match", text: fmt.Sprintf("One action changes at most %s. Set more of the filter. Nothing was changed.", number(bulk.Most))}
	case errors.Is(err, bulk.ErrPriority):
		return &refusal{status: http.StatusForbidden, title: "Not allowed", text: "Priorities are the installation's, and your access is for one user."}
	case errors.Is(err, bulk.ErrNotFound):
		return errNoPage
	}
	return err
}

// countBulk says how many renders an action would change, and asks whether it is to be done.
func (s *Server) countBulk(r *request) error {
	wanted, q, err := r.wanted(r.URL.Query())
	if err != nil {
		return err
	}
	// What is counted is what will be changed: renders that come meanwhile are not.
	fields := q.pinned(r.now)
	pinned, err := readQuery(fields, r.now)
	if err != nil {
		return err
	}
	if q.Empty() {
		return refused(bulk.ErrEmpty)
	}
	wanted.Filter = pinned.filter
	d := bulkForm{Action: wanted.Action, Priority: wanted.Priority, Filter: q.filter, Fields: fields, Back: s.link(listAt(q.values)), Most: bulk.Most}
	if d.Counts, err = bulk.Count(r.Context(), s.cfg.DB, wanted); err != nil {
		return refused(err)
	}
	d.TooMany = d.Eligible > bulk.Most
	s.show(r, http.StatusOK, "bulkform", page{Title: actionTitle(wanted.Action), Nav: "renders", Data: d})
	return nil
}

// createBulk begins an action. The console carries it out.
func (s *Server) createBulk(r *request) error {
	if err := r.ParseForm(); err != nil {
		return errUnreadableForm
	}
	wanted, _, err := r.wanted(r.PostForm)
	if err != nil {
		return err
	}
	made, err := bulk.Create(r.Context(), s.cfg.DB, wanted)
	if err != nil {
		return refused(err)
	}
	return r.redirect("/bulk/"+made.ID.String(), "")
}

// bulkPage is one action.
type bulkPage struct {
	bulk.Action

	Means renders.Filter
	// Back is the list of what it is about.
	Back string
}

// Over is how many renders have had their turn.
func (d bulkPage) Over() int { return d.Changed + d.Unchanged + d.Failed }

// Left is how many have not.
func (d bulkPage) Left() int { return max(d.Total-d.Over(), 0) }

func (s *Server) bulkPageOf(a bulk.Action) bulkPage {
	return bulkPage{a, a.Filter.Filter(), s.link(listAt(valuesOf(a.Filter)))}
}

// bulkAction shows how far an action is.
func (s *Server) bulkAction(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	a, err := bulk.Get(r.Context(), s.cfg.DB, id)
	if err != nil {
		return refused(err)
	}
	s.show(r, http.StatusOK, "bulk", page{Title: actionTitle(a.Action), Nav: "renders", Live: true, Data: s.bulkPageOf(a)})
	return nil
}

// abortBulk ends an action: what it has not done stays undone.
func (s *Server) abortBulk(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	if _, err := bulk.Abort(r.Context(), s.cfg.DB, id); err != nil {
		return refused(err)
	}
	return r.redirect("/bulk/"+id.String(), "")
}

// bulkList are the actions of the last month.
type bulkList struct {
	Actions      []bulkPage
	Older, First string
}

func (s *Server) bulkActions(r *request) error {
	after := renders.Cursor(r.URL.Query().Get("after"))
	list, next, err := bulk.List(r.Context(), s.cfg.DB, after, perPage)
	if errors.Is(err, renders.ErrCursor) {
		return errLostPage
	}
	if err != nil {
		return err
	}
	var d bulkList
	for _, a := range list {
		d.Actions = append(d.Actions, s.bulkPageOf(a))
	}
	if next != "" {
		d.Older = s.link("/bulk?after=" + url.QueryEscape(string(next)))
	}
	if after != "" {
		d.First = s.link("/bulk")
	}
	s.show(r, http.StatusOK, "bulklist", page{Title: "Actions on many renders", Nav: "renders", Live: after == "", Data: d})
	return nil
}

// actionTitle is what people call an action.
func actionTitle(action string) string {
	switch action {
	case bulk.Retry:
		return "Retry renders"
	case bulk.Cancel:
		return "Cancel renders"
	}
	return "Give renders a priority"
}
