package forecast

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/loom-lite/loom-lite/bench/measure"
	"github.com/loom-lite/loom-lite/bench/pages"
	loom "github.com/loom-lite/loom-lite/clients/go"
)

// Real is a measurement of an installation that runs, such as that of loom up. Its recorders must
// be allowed to reach loopback.
type Real struct {
	Client *loom.Client
	// Renders are measured, after Warm others. They are of varied pages, sizes and lengths.
	Renders, Warm int
	Log           io.Writer
}

var names = []string{"box", "scroll", "launch", "journey", "static"}

// sizes are small, because what is measured is how well times are foreseen, not how long they are.
var sizes = [][2]int{{640, 360}, {960, 540}, {1280, 720}, {540, 960}}

// Measure makes the measurement.
func (m Real) Measure(ctx context.Context) (lives []Life, err error) {
	site, err := measure.NewSite(pages.Files)
	if err != nil {
		return nil, err
	}
	defer func() { _ = site.Close() }()
	going, all := map[string]bool{}, map[string]*Life{}
	queued, next := 0, time.Now()
	for queued < m.Warm+m.Renders || len(going) > 0 {
		if queued < m.Warm+m.Renders && !time.Now().Before(next) {
			for range min(1+rand.IntN(4), m.Warm+m.Renders-queued) {
				id, err := m.Client.Submit(ctx, campaign(site))
				if err != nil {
					return nil, err
				}
				if going[id] = true; queued >= m.Warm {
					all[id] = &Life{Begun: time.Now()}
				}
				queued++
			}
			next = time.Now().Add(time.Duration(10+rand.IntN(30)) * time.Second)
			_, _ = fmt.Fprintf(m.Log, "%d renders are queued, %d have not ended\n", queued, len(going))
		}
		for id := range going {
			if err := m.look(ctx, id, going, all[id]); err != nil {
				return nil, err
			}
		}
		if err := wait(ctx, lookEvery.Seconds()); err != nil {
			return nil, err
		}
	}
	for _, l := range all {
		lives = append(lives, *l)
	}
	return lives, nil
}

// look notes what is said of a render, or that it has ended.
func (m Real) look(ctx context.Context, id string, going map[string]bool, l *Life) error {
	answer, err := m.Client.GetRenderWithResponse(ctx, id)
	if err != nil {
		return err
	}
	r := answer.JSON200
	if r == nil {
		return fmt.Errorf("get render %s: %s", id, answer.Status())
	}
	switch {
	case r.CompletedAt != nil && r.Status == "done":
		delete(going, id)
		if l != nil {
			l.Ended = *r.CompletedAt
		}
	case r.CompletedAt != nil:
		return fmt.Errorf("render %s is %s", id, r.Status)
	case l != nil && r.Eta != nil:
		l.said = append(l.said, saidBy(r.Eta.EstimatedEnd, r.Eta.LikelyBy))
	}
	return nil
}

// campaign is one of varied ones.
func campaign(site *measure.Site) map[string]any {
	size := sizes[rand.IntN(len(sizes))]
	var scenes []map[string]any
	for range 1 + rand.IntN(3) {
		scenes = append(scenes, map[string]any{"url": site.Page(names[rand.IntN(len(names))]), "duration_sec": 1 + rand.IntN(4)})
	}
	return map[string]any{
		"name": "forecast", "output_width": size[0], "output_height": size[1], "output_fps": 30, "scenes": scenes,
	}
}
