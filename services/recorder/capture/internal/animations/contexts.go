package animations

import (
	"slices"
	"sync"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// contexts tracks the JavaScript contexts of the page's documents, frames included, in the order of
// their creation.
type contexts struct {
	mu  sync.Mutex
	ids []string
}

func watchContexts(c *cdp.Client, session proto.TargetSessionID) *contexts {
	k := &contexts{}
	cdp.On(c, session, func(e *proto.RuntimeExecutionContextCreated) {
		if e.Context.AuxData["isDefault"].Bool() {
			k.change(func() { k.ids = append(k.ids, e.Context.UniqueID) })
		}
	})
	cdp.On(c, session, func(e *proto.RuntimeExecutionContextsCleared) { k.change(func() { k.ids = nil }) })
	cdp.On(c, session, func(e *proto.RuntimeExecutionContextDestroyed) {
		k.change(func() {
			k.ids = slices.DeleteFunc(k.ids, func(id string) bool { return id == e.ExecutionContextUniqueID })
		})
	})
	return k
}

func (k *contexts) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

// all returns the unique ids.
func (k *contexts) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.ids)
}
