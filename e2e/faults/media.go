package faults

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"time"
)

// site is a web server with an ordinary page, and with pages and facecams that do not come.
func site() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>still</title><body style='background: teal'>"))
	})
	mux.HandleFunc("GET /hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("GET /drip", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		for control := http.NewResponseController(w); pause(r.Context(), time.Second); {
			if _, err := w.Write([]byte(" ")); err != nil || control.Flush() != nil {
				return
			}
		}
	})
	return httptest.NewServer(mux)
}

// submitPage queues a render of one scene.
func (r *Run) submitPage(ctx context.Context, page, facecam string, ends ...end) error {
	c := campaign{owner: owners[r.rng.IntN(len(owners))], facecam: facecam, scenes: []scene{{page, 1}}}
	w, err := r.submit(ctx, c)
	if err == nil && len(ends) > 0 {
		w.ends = ends
	}
	return err
}

// media kills the real recorder and transcoder at their steps.
var media = Fault{
	Name: "media", What: "kill -9 of the real recorder and transcoder, with Chrome and FFmpeg, at each of their steps", Media: true, Retries: endless,
	Do: func(ctx context.Context, r *Run) error {
		pages := site()
		defer pages.Close()
		defer pages.CloseClientConnections()
		killing, done := context.WithCancel(ctx)
		fed := make(chan error, 1)
		r.beside.Go(func() {
			var err error
			for err == nil && killing.Err() == nil {
				var open int
				if open, err = r.open(ctx); err == nil && open < 3 {
					err = r.submitPage(ctx, pages.URL+"/page?"+time.Now().String()[11:29], "")
				}
				pause(killing, 500*time.Millisecond)
			}
			fed <- err
		})
		err := r.killAllAtSteps(ctx, r.of("recorder")[0], r.of("transcoder")[0])
		done()
		if err = errors.Join(err, <-fed); err != nil {
			return err // and what was killed is started again
		}
		return r.whileOpen(ctx, func() error { pause(ctx, 500*time.Millisecond); return nil })
	},
}

// slow has pages that hang or drip in every slot of the recorder, and as many facecams that drip as
// the transcoder fetches at once.
var slow = Fault{
	Name: "slow", What: "pages that hang or drip in every slot, and facecams that drip in every fetch; ordinary renders behind them", Media: true,
	Retries: 1, Env: map[string]string{"TRANSCODER_FETCHES": "2"},
	Do: func(ctx context.Context, r *Run) error {
		pages := site()
		defer pages.Close()
		defer pages.CloseClientConnections()
		facecam := pages.URL + "/drip?type=video/mp4"
		for _, err := range []error{
			r.submitPage(ctx, pages.URL+"/hang", "", endFailed),
			r.submitPage(ctx, pages.URL+"/drip?type=text/html", "", endFailed, endDone),
			r.submitPage(ctx, pages.URL+"/page", facecam, endFailed),
			r.submitPage(ctx, pages.URL+"/page?2", facecam, endFailed),
		} {
			if err != nil {
				return err
			}
		}
		pause(ctx, 5*time.Second)
		for _, page := range []string{"/page?3", "/page?4", "/page?5"} {
			if err := r.submitPage(ctx, pages.URL+page, ""); err != nil {
				return err
			}
		}
		return r.whileOpen(ctx, func() error { pause(ctx, 500*time.Millisecond); return nil })
	},
}
