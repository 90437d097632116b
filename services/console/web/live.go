package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

const (
	// every is how often pages are fetched again when nothing is heard: what nobody announces, such
	// as a job that is queued, shows after this long.
	every = 5 * time.Second
	// heldBack bounds how often one stream says that something has changed.
	heldBack = 500 * time.Millisecond
)

// news tells streams which renders have changed.
type news struct {
	ended   <-chan struct{}
	mu      sync.Mutex
	readers map[chan string]bool
}

// listen hears what ingest announces. NATS may be away: then pages are fetched again on a clock.
func listen(ctx context.Context, nc *nats.Conn) (*news, error) {
	n := &news{ended: ctx.Done(), readers: map[chan string]bool{}}
	sub, err := nc.Subscribe("event.*.*", func(m *nats.Msg) {
		parts := strings.Split(m.Subject, ".")
		n.mu.Lock()
		defer n.mu.Unlock()
		for reader := range n.readers {
			select {
			case reader <- parts[1]:
			default: // it has not taken the last one: it will fetch the page anyway
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to events: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = sub.Unsubscribe() })
	return n, nil
}

func (n *news) join() (reader chan string, leave func()) {
	reader = make(chan string, 16)
	n.mu.Lock()
	n.readers[reader] = true
	n.mu.Unlock()
	return reader, func() {
		n.mu.Lock()
		delete(n.readers, reader)
		n.mu.Unlock()
	}
}

// live streams an event whenever the page is to be fetched again. What has changed is not in it:
// the page is made for who asks.
func (s *Server) live(r *request) error {
	about := ""
	if text := r.URL.Query().Get("render"); text != "" {
		id, err := uuid.Parse(text)
		if err != nil {
			return errNoPage
		}
		if _, err := renders.Get(r.Context(), s.cfg.DB, id); err != nil {
			return err
		}
		about = id.String()
	}
	control := http.NewResponseController(r.w)
	reader, leave := s.news.join()
	defer leave()
	r.w.Header().Set("Content-Type", "text/event-stream")
	r.w.Header().Set("X-Accel-Buffering", "no")
	if _, err := fmt.Fprint(r.w, "retry: 2000\n\n"); err != nil {
		return nil
	}
	clock := time.NewTicker(every)
	defer clock.Stop()
	for {
		if err := control.Flush(); err != nil {
			return nil
		}
		select {
		case <-s.news.ended:
			return nil
		case <-r.Context().Done():
			return nil
		case render := <-reader:
			if about != "" && render != about {
				continue
			}
		case <-clock.C:
		}
		if _, err := fmt.Fprint(r.w, "event: changed\ndata: \n\n"); err != nil {
			return nil
		}
		if err := control.Flush(); err != nil {
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.news.ended:
			return nil
		case <-time.After(heldBack):
		}
	}
}
