package web

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

// maxLetters bounds how many dead letters a page groups.
const maxLetters = 1000

// shownLetters bounds how many of a group are listed.
const shownLetters = 20

// deadPage is the page of dead letters.
type deadPage struct {
	Groups []letterGroup
	Total  int
	// More: there are others, older ones.
	More bool
}

// letterGroup are the dead letters of a kind of task with a code.
type letterGroup struct {
	Kind, Code string
	Letters    []renders.Letter
	// Hidden are those that are not in Letters.
	Hidden int
}

// Name tells it from the others of a page, also when the page is fetched again and their order is
// another: what a dialog asks about stays what it was opened for.
func (g letterGroup) Name() string { return cmp.Or(g.Kind, "message") + "-" + g.Code }

// Count is how many letters there are.
func (g letterGroup) Count() int { return len(g.Letters) + g.Hidden }

// Replayable reports whether they can be done again: messages that nobody could read cannot.
func (g letterGroup) Replayable() bool { return g.Letters[0].Subject == nil }

// dead shows the open dead letters, grouped by kind and code, the largest group first.
func (s *Server) dead(r *request) error {
	list, err := renders.Letters(r.Context(), s.cfg.DB, renders.LetterFilter{}, maxLetters+1)
	if err != nil {
		return err
	}
	d := deadPage{More: len(list) > maxLetters}
	list = list[:min(len(list), maxLetters)]
	d.Total = len(list)
	place := map[[2]string]int{}
	for _, l := range list {
		key := [2]string{"", l.ErrorCode}
		if l.Kind != nil {
			key[0] = string(*l.Kind)
		}
		i, known := place[key]
		if !known {
			i = len(d.Groups)
			place[key] = i
			d.Groups = append(d.Groups, letterGroup{Kind: key[0], Code: key[1]})
		}
		if g := &d.Groups[i]; len(g.Letters) < shownLetters {
			g.Letters = append(g.Letters, l)
		} else {
			g.Hidden++
		}
	}
	slices.SortStableFunc(d.Groups, func(a, b letterGroup) int { return b.Count() - a.Count() })
	s.show(r, http.StatusOK, "dead", page{Title: "Dead letters", Nav: "dead", Live: true, Data: d})
	return nil
}

var errNothingChosen = &refusal{status: http.StatusUnprocessableEntity, title: "Nothing was chosen", text: "Choose dead letters, or a group of them. Nothing was changed."}

// letters are those that a form names: by their ids, or as a group. An empty choice means none.
func (r *request) letters() (f renders.LetterFilter, err error) {
	if err := r.ParseForm(); err != nil {
		return f, errUnreadableForm
	}
	for _, text := range r.PostForm["id"] {
		id, err := uuid.Parse(text)
		if err != nil {
			return f, renders.ErrNoLetter
		}
		f.IDs = append(f.IDs, id)
	}
	if len(f.IDs) == 0 {
		f.Kind, f.Code = r.PostFormValue("kind"), r.PostFormValue("code")
	}
	if len(f.IDs) == 0 && f.Code == "" {
		return f, errNothingChosen
	}
	return f, nil
}

func (s *Server) replay(r *request) error {
	f, err := r.letters()
	if err != nil {
		return err
	}
	list, err := renders.Replay(r.Context(), s.cfg.DB, f)
	return s.settled(r, "Replayed", len(list), err)
}

func (s *Server) discard(r *request) error {
	f, err := r.letters()
	if err != nil {
		return err
	}
	list, err := renders.Discard(r.Context(), s.cfg.DB, f)
	return s.settled(r, "Discarded", len(list), err)
}

// settled says how many dead letters were settled, and of the others, if there are some, why not.
func (s *Server) settled(r *request, what string, n int, err error) error {
	if err != nil && n == 0 {
		return err
	}
	notice := what + " " + counted(n, "dead letter", "dead letters") + "."
	switch {
	case errors.Is(err, renders.ErrHeld):
		notice += " Others are left, since other transactions hold the rows of their renders. Try again when those have ended."
	case err != nil:
		s.logFailure(r, err)
		notice += " Others are left, because something failed. The console's log says more."
	}
	return r.redirect("/dead", notice)
}
