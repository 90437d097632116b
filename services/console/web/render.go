package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/receipts"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// renderPage is one render.
type renderPage struct {
	renders.Render

	Stages   []renders.Stage
	Scenes   []sceneCard
	Timeline timeline
	// Troubles are the attempts that did not end well, the newest first.
	Troubles []trouble
	Tasks    int
	Reused   int
	// Sources are the other renders that made what is reused.
	Sources []uuid.UUID
	// Size of the video in bytes, its frames and seconds; zero while it is unknown.
	Bytes   int64
	Frames  int
	Seconds float64
	// Facts are the report's, as JSON.
	Facts string
	// Forecast is when it will end, and Receipt what it used; nil before it has ended.
	Forecast forecast.Forecast
	Receipt  *receipts.Receipt
	Prices   receipts.Prices
	// Bundle: some attempt has a failure bundle.
	Bundle bool
	// Base is where programs reach the API.
	Base string
}

// sceneCard is a scene of the strip.
type sceneCard struct {
	Number int
	// Host and Path of its page. What comes after a question mark may be secret.
	Host, Path string
	Seconds    float64
	// Start is where it begins in the video.
	Start float64
	State mark
	// Reused: it was not recorded for this plan. Source is the render that it was recorded for.
	Reused bool
	Source *uuid.UUID
	// WaitsFor is the render that records it meanwhile, which may be this one: then WaitsForScene
	// is its scene.
	WaitsFor      *uuid.UUID
	WaitsForScene int
	// Running: it is being recorded, and has pictures.
	Running bool
}

// At is a moment inside the scene, for its picture in the finished video.
func (c sceneCard) At() string { return strconv.FormatFloat(c.Start+min(c.Seconds/2, 1), 'f', 2, 64) }

// trouble is an attempt that failed, lapsed or was given back, and its task.
type trouble struct {
	renders.Attempt

	Task string
	ID   uuid.UUID
}

// reuse is where a task that is reused was done.
type reuse struct {
	// From is the address of the render, and Short its id; empty when it is this one, or forgotten.
	From, Short string
}

// Reuse tells of a task that another render has done.
func (p *page) Reuse(source *uuid.UUID) reuse {
	if source == nil || source.String() == p.About {
		return reuse{}
	}
	return reuse{p.Link("/renders/", source), short(*source)}
}

// CanCancel reports whether the render has not ended.
func (d renderPage) CanCancel() bool { return !d.Ended() }

// CanRetry reports whether it may be done again.
func (d renderPage) CanRetry() bool { return d.Status == "failed" || d.Status == "cancelled" }

// Took is from when it was asked for to its end.
func (d renderPage) Took() time.Duration {
	if d.CompletedAt == nil {
		return 0
	}
	return d.CompletedAt.Sub(d.CreatedAt)
}

// render shows one render.
func (s *Server) render(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	render, err := renders.Get(r.Context(), s.cfg.DB, id)
	if err != nil {
		return err
	}
	d := renderPage{Render: render, Base: s.cfg.URL.String()}
	tasks, err := renders.Tasks(r.Context(), s.cfg.DB, id)
	if err != nil {
		return err
	}
	if err := renders.AddAttempts(r.Context(), s.cfg.DB, tasks); err != nil {
		return err
	}
	ready, asked, err := s.readiness(r.Context(), tasks)
	if err != nil {
		return err
	}
	begin := render.CreatedAt
	if asked != nil && asked.After(begin) {
		begin = *asked
	}
	d.Tasks, d.Stages = len(tasks), renders.Stages(tasks)
	end := r.now
	if render.CompletedAt != nil {
		end = *render.CompletedAt
	}
	d.Timeline = draw(tasks, ready, begin, end)
	if d.Scenes, err = s.scenes(r.Context(), tasks); err != nil {
		return err
	}
	d.addTroubles(tasks)
	d.measure(tasks)
	if err := s.foretell(r.Context(), &d); err != nil {
		return err
	}
	s.show(r, http.StatusOK, "render", page{
		Title: named(render.Campaign), Nav: "renders", Live: true, About: id.String(), Data: d,
		Media: []*string{render.VideoURL, render.ThumbURL, render.ThumbSmall},
	})
	return nil
}

// foretell adds when the render will end or, when it has, what it used.
func (s *Server) foretell(ctx context.Context, d *renderPage) error {
	if d.Ended() {
		receipt, err := receipts.Read(ctx, s.cfg.DB, d.ID, s.cfg.Prices)
		if err == nil && len(receipt.Stages) > 0 {
			d.Receipt, d.Prices = &receipt, s.cfg.Prices
		}
		return err
	}
	all, err := s.cfg.Forecasts.Of(ctx, d.ID)
	d.Forecast = all[d.ID]
	return err
}

// Unsaid says why nobody can say when the render ends.
func (d renderPage) Unsaid() string { return unsaid(d.Forecast.ETA) }

// unsaid says why there is no forecast; it is empty when there is one, or nothing to forecast.
func unsaid(eta *forecast.ETA) string {
	if eta == nil || eta.Reason == nil {
		return ""
	}
	switch *eta.Reason {
	case forecast.NoIngest:
		return "no ingest is running"
	case forecast.NoWorker:
		return deref(eta.Stage) + " has no worker"
	case forecast.Paused:
		return deref(eta.Stage) + " is paused"
	case forecast.SetAside:
		return "the database refuses its job"
	case forecast.NoHistory:
		return "unknown before the first render is done"
	case forecast.Unknown:
	}
	return "unknown"
}

// scenes lists the scenes that a plan records.
func (s *Server) scenes(ctx context.Context, tasks []renders.Task) ([]sceneCard, error) {
	var cards []sceneCard
	var ids []string
	place := map[uuid.UUID]int{}
	for _, t := range tasks {
		if t.Kind == msg.Record {
			place[t.ID] = len(cards)
			ids = append(ids, t.ID.String())
			cards = append(cards, sceneCard{
				Number: cmp.Or(t.Scene, len(cards)+1), State: statusOf(t.State), Reused: t.Reused, Source: t.ReusedFrom, WaitsFor: t.WaitsFor, WaitsForScene: t.WaitsForScene, Running: t.State == "running",
			})
		}
	}
	rows, err := s.cfg.DB.Query(ctx, `select k.id, k.params ->> 'url', (k.params ->> 'frames')::int, k.params ->> 'rate'
		from (select t.id, loom.params_of(t.id) as params from loom.tasks t where t.id = any ($1::text[]::uuid[])) k`, ids)
	if err != nil {
		return nil, fmt.Errorf("read scenes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		var address, rateText *string
		var frames *int
		if err := rows.Scan(&id, &address, &frames, &rateText); err != nil {
			return nil, fmt.Errorf("read scenes: %w", err)
		}
		card := &cards[place[id]]
		if u, err := url.Parse(deref(address)); err == nil {
			card.Host, card.Path = u.Host, u.EscapedPath()
		}
		var rate msg.Rate
		if frames != nil && rate.UnmarshalText([]byte(deref(rateText))) == nil && rate.Float() > 0 {
			card.Seconds = float64(*frames) / rate.Float()
		}
	}
	start := 0.0
	for i := range cards {
		cards[i].Start = start
		start += cards[i].Seconds
	}
	return cards, rows.Err()
}

func (d *renderPage) addTroubles(tasks []renders.Task) {
	names := namesOf(tasks)
	for i, t := range tasks {
		if t.Reused {
			d.Reused++
		}
		if from := t.ReusedFrom; from != nil && *from != d.ID && !slices.Contains(d.Sources, *from) {
			d.Sources = append(d.Sources, *from)
		}
		for _, a := range t.Attempts {
			d.Bundle = d.Bundle || a.BundleKey != nil
			if a.Outcome != nil && *a.Outcome != "done" {
				d.Troubles = append(d.Troubles, trouble{a, names[i], t.ID})
			}
		}
	}
}

// measure adds what is known of the finished video.
func (d *renderPage) measure(tasks []renders.Task) {
	if frames, rate, err := renders.Frames(tasks); err == nil && frames > 0 && rate.Float() > 0 {
		d.Frames, d.Seconds = frames, float64(frames)/rate.Float()
	}
	if len(d.Report) == 0 {
		return
	}
	var known struct {
		Bytes int64 `json:"bytes"`
	}
	if err := json.Unmarshal(d.Report, &known); err == nil {
		d.Bytes = known.Bytes
	}
	d.Facts = indented(d.Report)
}

// indented is JSON as people read it; what is none stays as it is.
func indented(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return string(text)
	}
	return b.String()
}

// report is a render's report, as a file.
func (s *Server) report(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	render, err := renders.Get(r.Context(), s.cfg.DB, id)
	if err != nil {
		return err
	}
	if len(render.Report) == 0 {
		return &refusal{status: http.StatusNotFound, title: "There is no report", text: "A render has one when its video is stored."}
	}
	r.w.Header().Set("Content-Type", "application/json")
	r.w.Header().Set("Content-Disposition", `attachment; filename="render-`+id.String()+`.json"`)
	_, _ = r.w.Write([]byte(indented(render.Report)))
	return nil
}

// id reads the id in the path. A wrong one is that of nothing.
func (r *request) id() (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return uuid.Nil, renders.ErrNotFound
	}
	return id, nil
}

// cancel ends a render.
func (s *Server) cancel(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	cancelled, status, err := renders.Cancel(r.Context(), s.cfg.DB, id)
	if err != nil {
		return err
	}
	notice := "The render is cancelled."
	if !cancelled {
		notice = "The render had ended before: it is " + status + "."
	}
	return r.redirect("/renders/"+id.String(), notice)
}

// retry does again what failed of a render.
func (s *Server) retry(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	job, status, err := renders.Retry(r.Context(), s.cfg.DB, id)
	if err != nil {
		return err
	}
	notice := "The render is queued again. What is finished and unchanged is reused."
	if job == nil {
		notice = "There is nothing to do again: the render is " + status + ", or queued already."
	}
	return r.redirect("/renders/"+id.String(), notice)
}

// origins are those of addresses, each once.
func origins(addresses []*string) (list []string) {
	for _, address := range addresses {
		if from := origin(deref(address)); from != "" && !slices.Contains(list, from) {
			list = append(list, from)
		}
	}
	return list
}

var originHost = regexp.MustCompile(`^[A-Za-z0-9.\-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:.]+\](:[0-9]+)?$`)

// origin is a URL's, as a policy names it; empty when it has none that is safe to write there.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !originHost.MatchString(u.Host) {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
