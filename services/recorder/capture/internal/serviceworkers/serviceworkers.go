package serviceworkers

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

//go:embed register.js
var registerScript string

// Tracker tracks the service workers of one page.
type Tracker struct {
	world *world.World

	mu sync.Mutex
	// registering has the calls of register that have not returned, by document.
	registering map[proto.RuntimeExecutionContextID]calls
	// installing has the versions that are not active yet, and since when.
	installing map[string]time.Time
	// changes counts the versions that became active or redundant, known those that the page has
	// been told of; changed is when the last one did.
	changes, known int
	changed        time.Time
}

// calls are some under way, and when the last began.
type calls struct {
	n     int
	since time.Time
}

// Watch starts to track the service workers of a page, from its next document on. world is the
// page's.
func Watch(c *cdp.Client, page *rod.Page, world *world.World) (*Tracker, error) {
	w := &Tracker{world: world, registering: map[proto.RuntimeExecutionContextID]calls{}, installing: map[string]time.Time{}}
	name := "loom" + rand.Text()
	session := page.SessionID
	cdp.On(c, session, func(e *proto.RuntimeBindingCalled) {
		if e.Name == name {
			w.register(e.ExecutionContextID, e.Payload == "+")
		}
	})
	cdp.On(c, session, func(e *proto.RuntimeExecutionContextDestroyed) { w.forget(e.ExecutionContextID) })
	cdp.On(c, session, func(*proto.RuntimeExecutionContextsCleared) { w.forget(0) })
	cdp.On(c, session, func(e *proto.ServiceWorkerWorkerVersionUpdated) {
		for _, v := range e.Versions {
			w.update(v)
		}
	})
	if err := (proto.ServiceWorkerEnable{}).Call(page); err != nil {
		return nil, fmt.Errorf("watch service workers: %w", err)
	}
	if err := (proto.RuntimeAddBinding{Name: name}).Call(page); err != nil {
		return nil, fmt.Errorf("watch service workers: %w", err)
	}
	if err := script.OnNewDocument(page, "register.js", fmt.Sprintf("(%s)(%q)", strings.TrimSpace(registerScript), name)); err != nil {
		return nil, fmt.Errorf("watch service workers: %w", err)
	}
	return w, nil
}

// register takes the beginning or the end of a call of register in a document.
func (w *Tracker) register(document proto.RuntimeExecutionContextID, begins bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.registering[document]
	if begins {
		r = calls{r.n + 1, time.Now()}
	} else {
		r.n--
	}
	if w.registering[document] = r; r.n <= 0 {
		delete(w.registering, document)
	}
}

// forget drops the calls of a document that has gone; 0 stands for all documents.
func (w *Tracker) forget(document proto.RuntimeExecutionContextID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if document == 0 {
		clear(w.registering)
	}
	delete(w.registering, document)
}

// update takes the state of a version.
func (w *Tracker) update(v *proto.ServiceWorkerServiceWorkerVersion) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, installing := w.installing[v.VersionID]
	switch v.Status {
	case proto.ServiceWorkerServiceWorkerVersionStatusActivated, proto.ServiceWorkerServiceWorkerVersionStatusRedundant:
		if installing {
			delete(w.installing, v.VersionID)
			w.changes, w.changed = w.changes+1, time.Now()
		}
	default:
		if !installing {
			w.installing[v.VersionID] = time.Now()
		}
	}
}

// missing reports whether a service worker is being set up, for less than patience.
func (w *Tracker) missing(patience time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, since := range w.installing {
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

// news returns the number of the last change, if the page may not have been told of it and it is
// younger than patience; otherwise 0.
func (w *Tracker) news(patience time.Duration) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changes == w.known || time.Since(w.changed) >= patience {
		return 0
	}
	return w.changes
}

func (w *Tracker) told(change int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = max(w.known, change)
}

// toldOf reports whether the browser has answered a question that the document asked after a
// change. It delivers messages in order, so the page's scripts have been told of the change by
// then.
const toldOf = `(change => {
	const asked = globalThis.services ??= {}
	if (!navigator.serviceWorker) return true
	if (!(change in asked)) {
		asked[change] = false
		navigator.serviceWorker.getRegistrations().catch(() => {}).then(() => { asked[change] = true })
	}
	return asked[change]
})(%d)`

// Ready reports whether the page has the service workers that it registered, and has been told so.
// None is waited for longer than patience.
func (w *Tracker) Ready(patience time.Duration) (bool, error) {
	if w.missing(patience) {
		return false, nil
	}
	change := w.news(patience)
	if change == 0 {
		return true, nil
	}
	var told bool
	if err := w.world.Ask("check whether the page knows its service workers", fmt.Sprintf(toldOf, change), &told); err != nil {
		return false, err
	}
	if told {
		w.told(change)
	}
	// Not ready yet: now that the page knows, it may navigate.
	return false, nil
}
