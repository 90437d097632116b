package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/console/preflight"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// shownPreflights bounds how many preflights are listed. They are forgotten after a day.
const shownPreflights = 100

// preflightsPage are the preflights of the last day.
type preflightsPage struct {
	Preflights []preflight.Short
	// Most is how many are listed at most.
	Most int
}

// preflightPage is one preflight.
type preflightPage struct {
	*preflight.Preflight

	Cards []pageCard
	// Classes counts the pages by what they are, the gravest first.
	Classes []classCount
	// Over is how many pages no more is to come of.
	Over int
}

// pageCard is a page of a preflight.
type pageCard struct {
	preflight.Page

	// Mark is what the page is, in words.
	Mark mark
	// Picture is the address of its picture; empty when there is none.
	Picture string
	// Elsewhere is where the page's URL led, when that is another address.
	Elsewhere string
}

// More are the findings after the gravest.
func (c pageCard) More() []msg.Finding { return c.Findings[min(len(c.Findings), 1):] }

// Besides are the warnings of which no finding tells.
func (c pageCard) Besides() (list []msg.Warning) {
	for _, w := range c.Warnings {
		if !slices.ContainsFunc(c.Findings, func(f msg.Finding) bool { return f.Code == w.Code }) {
			list = append(list, w)
		}
	}
	return list
}

// classCount is how many pages are of a class.
type classCount struct {
	Mark  mark
	Count int
}

// markOf is what a page is, in words, and how that looks.
func markOf(p preflight.Page) mark {
	switch {
	case p.State == "due":
		return statusOf("waiting")
	case p.Class == "":
		return statusOf(p.State)
	case p.Class == msg.ClassOK:
		return mark{preflight.Label(p.Class), "done"}
	case p.Fails || p.Class == msg.ClassError:
		return mark{preflight.Label(p.Class), "fail"}
	}
	return mark{preflight.Label(p.Class), "warn"}
}

var (
	errNoPreflight = &refusal{status: http.StatusNotFound, title: "Not found", text: "There is no such preflight, or it is older than a day."}
	errNoPicture   = &refusal{status: http.StatusNotFound, title: "Not found", text: "There is no picture of this page."}
)

// preflightRefused says to people why package preflight refuses. Other errors stay as they are.
func preflightRefused(err error) error {
	switch {
	case errors.Is(err, preflight.ErrNotFound):
		return errNoPreflight
	case errors.Is(err, renders.ErrNoCampaign):
		return &refusal{status: http.StatusNotFound, title: "Not found", text: "The campaign is not there any more, or it is not yours. No page is opened."}
	case errors.Is(err, preflight.ErrEmpty):
		return &refusal{status: http.StatusUnprocessableEntity, title: "There is nothing to open", text: "The campaign has no scenes."}
	case errors.Is(err, preflight.ErrBusy):
		return &refusal{status: http.StatusTooManyRequests, title: "Too many pages are waiting", text: "Try again when some are done. No page is opened."}
	}
	return err
}

// preflights lists the preflights of the last day, the newest first.
func (s *Server) preflights(r *request) error {
	list, err := preflight.List(r.Context(), s.cfg.DB, shownPreflights)
	if err != nil {
		return err
	}
	s.show(r, http.StatusOK, "preflights", page{Title: "Preflights", Nav: "preflights", Live: true, Data: preflightsPage{list, shownPreflights}})
	return nil
}

// checkRender has the pages of a render's campaign opened, as the campaign is now.
func (s *Server) checkRender(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	render, err := renders.Get(r.Context(), s.cfg.DB, id)
	if err != nil {
		return err
	}
	made := uuid.New()
	if err := preflight.OpenCampaign(r.Context(), s.cfg.DB, made, render.CampaignID); err != nil {
		return preflightRefused(err)
	}
	return r.redirect("/preflights/"+made.String(), "")
}

// check has the pages of a submission opened, which the person has not submitted yet.
func (s *Server) check(r *request, asked preflight.Asked) error {
	id := uuid.New()
	if err := preflight.Open(r.Context(), s.cfg.DB, id, asked); err != nil {
		return preflightRefused(err)
	}
	return r.redirect("/preflights/"+id.String(), "")
}

// found returns the preflight in the path, if the person may see it.
func (s *Server) found(r *request) (*preflight.Preflight, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return nil, errNoPreflight
	}
	p, err := preflight.Get(r.Context(), s.cfg.DB, id)
	if err != nil {
		return nil, preflightRefused(err)
	}
	if !p.Of(r.who.User) {
		return nil, errNoPreflight
	}
	return p, nil
}

// preflight shows what was found of each page, so far.
func (s *Server) preflight(r *request) error {
	p, err := s.found(r)
	if err != nil {
		return err
	}
	d := preflightPage{Preflight: p}
	for _, one := range p.Pages {
		card := pageCard{Page: one, Mark: markOf(one)}
		if one.PictureKey != "" {
			card.Picture = s.link(fmt.Sprintf("/preflights/%s/pictures/%d", p.ID, one.Scene))
		}
		if one.Address != one.URL {
			card.Elsewhere = one.Address
		}
		d.Cards = append(d.Cards, card)
		d.count(card)
	}
	d.sort()
	s.show(r, http.StatusOK, "preflight", page{Title: "Preflight", Nav: "preflights", Live: !p.Done(), Data: d})
	return nil
}

// count adds a page to the sums.
func (d *preflightPage) count(c pageCard) {
	if !c.Over() {
		return
	}
	d.Over++
	for i := range d.Classes {
		if d.Classes[i].Mark == c.Mark {
			d.Classes[i].Count++
			return
		}
	}
	d.Classes = append(d.Classes, classCount{c.Mark, 1})
}

// sort has what fails a render first.
func (d *preflightPage) sort() {
	order := []string{"fail", "warn", "done", "off"}
	slices.SortStableFunc(d.Classes, func(a, b classCount) int {
		return slices.Index(order, a.Mark.Class) - slices.Index(order, b.Mark.Class)
	})
}

// cancelPreflight has no more pages opened.
func (s *Server) cancelPreflight(r *request) error {
	p, err := s.found(r)
	if err != nil {
		return err
	}
	cancelled, err := preflight.Cancel(r.Context(), s.cfg.DB, p.ID)
	if err != nil {
		return err
	}
	notice := "No more pages are opened."
	if !cancelled {
		notice = "All pages had been opened before."
	}
	return r.redirect("/preflights/"+p.ID.String(), notice)
}

// picture answers with the picture of a page.
func (s *Server) picture(r *request) error {
	p, err := s.found(r)
	if err != nil {
		return err
	}
	scene, err := strconv.Atoi(r.PathValue("scene"))
	if err != nil {
		return errNoPicture
	}
	place := slices.IndexFunc(p.Pages, func(one preflight.Page) bool { return one.Scene == scene })
	if place < 0 || p.Pages[place].PictureKey == "" {
		return errNoPicture
	}
	list, err := preflight.Pictures(r.Context(), s.cfg.Objects, s.cfg.WorkBucket, p.Pages[place:place+1])
	if errors.Is(err, store.ErrNotFound) {
		return errNoPicture
	}
	if err != nil {
		return err
	}
	r.jpeg(list[0])
	return nil
}

// sheet answers with the contact sheet, as a file to keep.
func (s *Server) sheet(r *request) error {
	p, err := s.found(r)
	if err != nil {
		return err
	}
	sheet, err := s.drawn(r.Context(), p)
	if err != nil {
		return err
	}
	r.w.Header().Set("Content-Disposition", `attachment; filename="preflight-`+short(p.ID)+`.jpg"`)
	r.jpeg(sheet)
	return nil
}

// drawn draws a contact sheet. One takes some memory: one is drawn at a time.
func (s *Server) drawn(ctx context.Context, p *preflight.Preflight) ([]byte, error) {
	select {
	case s.drawing <- struct{}{}:
		defer func() { <-s.drawing }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	list, err := preflight.Pictures(ctx, s.cfg.Objects, s.cfg.WorkBucket, p.Pages)
	if err != nil {
		return nil, err
	}
	return preflight.Sheet(p, list)
}

// jpeg answers with a picture. Recorders, which wrote it, run strangers' pages: browsers are told
// what it is, and do not guess.
func (r *request) jpeg(data []byte) {
	r.w.Header().Set("Content-Type", "image/jpeg")
	r.w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = r.w.Write(data) //nolint:gosec // it is a picture to the browser, never a page
}
