package bundle

import (
	"fmt"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

var _ capture.Diagnostics = (*Diagnostics)(nil)

// Diagnostics keep what a failure bundle is made of, while one scene is recorded.
type Diagnostics struct {
	params  msg.RecordParams
	scrub   *scrubber
	begin   time.Time
	console *console
	network *network

	mu      sync.Mutex
	chrome  string
	picture []byte
	frames  int
}

// New returns the diagnostics of a scene that is about to be recorded.
func New(p msg.RecordParams) *Diagnostics {
	scrub, now := newScrubber(p), time.Now()
	return &Diagnostics{params: p, scrub: scrub, begin: now, console: newConsole(scrub, now), network: newNetwork(scrub)}
}

// Opened listens to the page. A page that detects developer tools by how the console handles an
// object may notice it.
func (d *Diagnostics) Opened(client *cdp.Client, page *rod.Page) error {
	d.console.watch(client, page.SessionID)
	d.network.watch(client, page.SessionID)
	for _, enable := range []interface{ Call(proto.Client) error }{proto.RuntimeEnable{}, proto.LogEnable{}} {
		if err := enable.Call(page); err != nil {
			return fmt.Errorf("listen to the console: %w", err)
		}
	}
	version, err := proto.BrowserGetVersion{}.Call(page)
	if err != nil {
		return fmt.Errorf("ask for the version: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.chrome = version.Product
	return nil
}

// Picture keeps the page as it looks.
func (d *Diagnostics) Picture(jpeg []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.picture = jpeg
}

// Last returns the last picture of the page; nil if there is none.
func (d *Diagnostics) Last() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.picture
}

// Watch returns a sink that passes its frames on to to, and keeps the last one.
func (d *Diagnostics) Watch(to capture.Sink) capture.Sink { return watched{to, d} }

type watched struct {
	capture.Sink
	diagnostics *Diagnostics
}

// Frame keeps the picture that it passes on.
func (s watched) Frame(jpeg []byte) (changed bool, err error) {
	s.diagnostics.delivered(jpeg)
	return s.Sink.Frame(jpeg)
}

// Repeat counts the frame.
func (s watched) Repeat() error {
	s.diagnostics.delivered(nil)
	return s.Sink.Repeat()
}

func (d *Diagnostics) delivered(jpeg []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frames++
	if jpeg != nil {
		d.picture = jpeg
	}
}
