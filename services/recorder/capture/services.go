package capture

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

//go:embed services.js
var servicesScript string

// services are the page's service workers. One that is being set up is part of the page: some pages
// load themselves again when it is there, since they are nothing without it.
type services struct {
	mu sync.Mutex
	// registering are when documents asked last to have one set up that is not registered yet.
	registering map[proto.RuntimeExecutionContextID]registering
	// coming are those that are being set up, and since when.
	coming map[string]time.Time
	// changes counts what became of them, known those of which the page has been told; changed is
	// when the last was.
	changes, known int
	changed        time.Time
}

type registering struct {
	n     int
	since time.Time
}

// watchServices begins, for the documents that come.
func (s *scene) watchServices() error {
	w := &services{registering: map[proto.RuntimeExecutionContextID]registering{}, coming: map[string]time.Time{}}
	s.services = w
	name := "loom" + rand.Text()
	session := s.page.SessionID
	cdp.On(s.client, session, func(e *proto.RuntimeBindingCalled) {
		if e.Name == name {
			w.register(e.ExecutionContextID, e.Payload == "+")
		}
	})
	cdp.On(s.client, session, func(e *proto.RuntimeExecutionContextDestroyed) { w.forget(e.ExecutionContextID) })
	cdp.On(s.client, session, func(*proto.RuntimeExecutionContextsCleared) { w.forget(0) })
	cdp.On(s.client, session, func(e *proto.ServiceWorkerWorkerVersionUpdated) {
		for _, v := range e.Versions {
			w.update(v)
		}
	})
	if err := (proto.ServiceWorkerEnable{}).Call(s.page); err != nil {
		return fmt.Errorf("watch service workers: %w", err)
	}
	if err := (proto.RuntimeAddBinding{Name: name}).Call(s.page); err != nil {
		return fmt.Errorf("watch service workers: %w", err)
	}
	if err := script.OnNewDocument(s.page, "services.js", fmt.Sprintf("(%s)(%q)", strings.TrimSpace(servicesScript), name)); err != nil {
		return fmt.Errorf("watch service workers: %w", err)
	}
	return nil
}

// register notes that a document asks for one, or that it has it.
func (w *services) register(document proto.RuntimeExecutionContextID, begins bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.registering[document]
	if begins {
		r = registering{r.n + 1, time.Now()}
	} else {
		r.n--
	}
	if w.registering[document] = r; r.n <= 0 {
		delete(w.registering, document)
	}
}

// forget takes what a document that has gone asked for for ended; 0 stands for all.
func (w *services) forget(document proto.RuntimeExecutionContextID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if document == 0 {
		clear(w.registering)
	}
	delete(w.registering, document)
}

// update notes what has become of one.
func (w *services) update(v *proto.ServiceWorkerServiceWorkerVersion) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, coming := w.coming[v.VersionID]
	switch v.Status {
	case proto.ServiceWorkerServiceWorkerVersionStatusActivated, proto.ServiceWorkerServiceWorkerVersionStatusRedundant:
		if coming {
			delete(w.coming, v.VersionID)
			w.changes, w.changed = w.changes+1, time.Now()
		}
	default:
		if !coming {
			w.coming[v.VersionID] = time.Now()
		}
	}
}

// missing reports whether one is being set up, for less than patience.
func (w *services) missing(patience time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, since := range w.coming {
		if time.Since(since) < patience {
			return true
		}
	}
	for _, r := range w.registering {
		if time.Since(r.since) < patience {
			return true
		}
	}
	return false
}

// news returns the number of the last change of which the page may not have been told, for
// patience; 0: there is none.
func (w *services) news(patience time.Duration) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changes == w.known || time.Since(w.changed) >= patience {
		return 0
	}
	return w.changes
}

func (w *services) told(change int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = max(w.known, change)
}

// toldAll reports whether the browser, asked after a change, has answered the document. It tells
// one thing after the other, so the page's scripts have been told of the change by then.
const toldAll = `(change => {
	const asked = globalThis.services ??= {}
	if (!navigator.serviceWorker) return true
	if (!(change in asked)) {
		asked[change] = false
		navigator.serviceWorker.getRegistrations().catch(() => {}).then(() => { asked[change] = true })
	}
	return asked[change]
})(%d)`

// served reports whether the page has the service workers that it asked for, and knows.
func (s *scene) served() (bool, error) {
	if s.services.missing(s.Bounds.Request) {
		return false, nil
	}
	change := s.services.news(s.Bounds.Request)
	if change == 0 {
		return true, nil
	}
	var told bool
	err := s.world.Evaluate(fmt.Sprintf(toldAll, change), &told)
	if cdp.Gone(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether the page knows its service workers: %w", err)
	}
	if told {
		s.services.told(change)
	}
	// Once more, now that it is known: it may lead elsewhere.
	return false, nil
}
