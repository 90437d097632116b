package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/services/console/preflight"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// formPage is the form of a new render.
type formPage struct {
	Name    string
	Facecam string
	Size    string
	Rate    string
	Scenes  []sceneField
	// Problems are what is wrong with it.
	Problems []string
	Sizes    []choice
	Rates    []choice
}

type sceneField struct{ URL, Seconds string }

type choice struct{ Value, Text string }

var (
	sizes = []choice{{"1920x1080", "1920 × 1080"}, {"1280x720", "1280 × 720"}, {"1080x1920", "1080 × 1920, upright"}, {"1080x1080", "1080 × 1080, square"}, {"3840x2160", "3840 × 2160"}}
	rates = []choice{{"30", "30 per second"}, {"60", "60 per second"}, {"25", "25 per second"}, {"24", "24 per second"}}
)

const (
	// fields is how many scenes the form has room for at first, and maxFields at most.
	fields    = 3
	maxFields = 50
)

// form shows the form of a new render.
func (s *Server) form(r *request) error {
	s.showForm(r, http.StatusOK, formPage{Size: "1280x720", Rate: "30", Scenes: []sceneField{{"", "5"}}})
	return nil
}

func (s *Server) showForm(r *request, status int, f formPage) {
	f.Sizes, f.Rates = sizes, rates
	for len(f.Scenes) < fields {
		f.Scenes = append(f.Scenes, sceneField{"", "5"})
	}
	s.show(r, status, "new", page{Title: "New render", Nav: "renders", Data: f})
}

// create submits a render. With "more" the form comes back with room for more scenes, and with
// "check" the pages are opened instead.
func (s *Server) create(r *request) error {
	if err := r.ParseForm(); err != nil {
		return errUnreadableForm
	}
	f := formPage{
		Name: strings.TrimSpace(r.PostFormValue("name")), Facecam: strings.TrimSpace(r.PostFormValue("facecam")),
		Size: r.PostFormValue("size"), Rate: r.PostFormValue("rate"),
	}
	urls, seconds := r.PostForm["url"], r.PostForm["seconds"]
	for i := range min(len(urls), len(seconds), maxFields) {
		f.Scenes = append(f.Scenes, sceneField{strings.TrimSpace(urls[i]), strings.TrimSpace(seconds[i])})
	}
	if r.PostForm.Has("more") {
		f.Scenes = append(f.Scenes, sceneField{"", "5"}, sceneField{"", "5"})
		s.showForm(r, http.StatusOK, f)
		return nil
	}
	work, problems := f.submission()
	if len(problems) > 0 {
		f.Problems = problems
		s.showForm(r, http.StatusUnprocessableEntity, f)
		return nil
	}
	work.User = r.who.User
	if r.PostForm.Has("check") {
		asked, err := preflight.Of(work)
		var invalid *plan.Invalid
		if errors.As(err, &invalid) {
			f.Problems = []string{invalid.Message}
			s.showForm(r, http.StatusUnprocessableEntity, f)
			return nil
		}
		if err != nil {
			return err
		}
		return s.check(r, asked)
	}
	id, err := renders.Submit(r.Context(), s.cfg.DB, work)
	if err != nil {
		return err
	}
	return r.redirect("/renders/"+id.String(), "The render is queued.")
}

// submission is what the form asks for, and what is wrong with it. ingest checks it again, as it
// checks what the app writes.
func (f *formPage) submission() (w renders.Submission, problems []string) {
	w.Name = f.Name
	for i, field := range f.Scenes {
		if field.URL == "" {
			continue
		}
		address, err := webAddress(field.URL)
		if err != nil {
			problems = append(problems, fmt.Sprintf("Scene %d: %v.", i+1, err))
		}
		n, err := strconv.Atoi(field.Seconds)
		if err != nil || n < 1 || n > 600 {
			problems = append(problems, fmt.Sprintf("Scene %d: its seconds are a whole number from 1 to 600.", i+1))
		}
		w.Scenes = append(w.Scenes, renders.Scene{URL: address, Seconds: n})
	}
	if len(w.Scenes) == 0 && len(problems) == 0 {
		problems = append(problems, "Name at least one page.")
	}
	if f.Facecam != "" {
		address, err := webAddress(f.Facecam)
		if err != nil {
			problems = append(problems, fmt.Sprintf("Facecam: %v.", err))
		}
		w.FacecamURL = &address
	}
	var width, height int
	if _, err := fmt.Sscanf(f.Size, "%dx%d", &width, &height); err != nil {
		problems = append(problems, "Choose a size.")
	}
	rate, err := strconv.Atoi(f.Rate)
	if err != nil {
		problems = append(problems, "Choose how many pictures a second has.")
	}
	w.Width, w.Height, w.FPS = &width, &height, &rate
	if w.Name == "" && len(w.Scenes) > 0 {
		if u, err := url.Parse(w.Scenes[0].URL); err == nil {
			w.Name = u.Host
		}
	}
	return w, problems
}

// webAddress reads an address as people write it: without a scheme it is https, or http on this
// machine.
func webAddress(text string) (string, error) {
	if !strings.Contains(text, "://") {
		scheme := "https://"
		if u, err := url.Parse(scheme + text); err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()) {
			scheme = "http://"
		}
		text = scheme + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("this is no address of a page, such as https://example.com")
	}
	return text, nil
}
