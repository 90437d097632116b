package capture

import (
	"fmt"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/assets"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/document"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/load"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/overrides"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/requests"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/serviceworkers"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/workers"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// tab is a page, what tracks it, and what loads it. A mode opens it and takes from it what it
// needs.
type tab struct {
	client *cdp.Client
	page   *rod.Page

	assets         *assets.Tracker
	document       *document.Tracker
	requests       *requests.Tracker
	serviceWorkers *serviceworkers.Tracker
	workers        *workers.Tracker
	world          *world.World

	loader *load.Loader // set by the mode
}

// connect connects to a browser, which refuses downloads from then on: frame 0 of one would never
// come.
func connect(browser *rod.Browser) error {
	if err := browser.Connect(); err != nil {
		return fmt.Errorf("connect to Chrome: %w", err)
	}
	err := proto.BrowserSetDownloadBehavior{Behavior: proto.BrowserSetDownloadBehaviorBehaviorDeny}.Call(browser)
	if err != nil {
		return fmt.Errorf("refuse downloads: %w", err)
	}
	return nil
}

// createTarget opens an empty page. Chrome draws its frames on demand or when it sees fit; in the
// latter case it needs a window of its own to have a size in a whole Chrome.
func createTarget(browser *rod.Browser, onDemand bool, width, height int) (proto.TargetTargetID, error) {
	target, err := proto.TargetCreateTarget{
		EnableBeginFrameControl: onDemand, NewWindow: !onDemand, Width: &width, Height: &height,
	}.Call(browser)
	if err != nil {
		return "", fmt.Errorf("open a page: %w", err)
	}
	return target.TargetID, nil
}

// attach starts a session with a page, besides others.
func attach(browser *rod.Browser, target proto.TargetTargetID) (proto.TargetSessionID, error) {
	reply, err := proto.TargetAttachToTarget{TargetID: target, Flatten: true}.Call(browser)
	if err != nil {
		return "", fmt.Errorf("attach to the page: %w", err)
	}
	return reply.SessionID, nil
}

// openTab starts the page's own session and tracks the page.
//
// Chrome takes sessions along, in their order, to whatever process shows the page, and the last one
// determines the browser's settings there. So sessions that only intercept requests must be
// attached before.
func openTab(client *cdp.Client, browser *rod.Browser, target proto.TargetTargetID, crashed func()) (*tab, error) {
	page, err := browser.PageFromTarget(target)
	if err != nil {
		return nil, fmt.Errorf("open a page: %w", err)
	}
	if err := overrides.Dialogs(client, page); err != nil {
		return nil, err
	}
	cdp.On(client, page.SessionID, func(*proto.InspectorTargetCrashed) { crashed() })
	t := &tab{client: client, page: page}
	t.requests = requests.Watch(client, page)
	t.assets = assets.Watch(client, page)
	t.document = document.Watch(client, page)
	t.world = world.New(client, page)
	if t.serviceWorkers, err = serviceworkers.Watch(client, page, t.world); err != nil {
		return nil, err
	}
	if t.workers, err = workers.Watch(client, page); err != nil {
		return nil, err
	}
	for _, enable := range []interface{ Call(proto.Client) error }{
		proto.InspectorEnable{},
		proto.NetworkEnable{},
		proto.RuntimeEnable{},
	} {
		if err := enable.Call(page); err != nil {
			return nil, fmt.Errorf("set the page up: %w", err)
		}
	}
	return t, nil
}

// setLoader makes the page's loader, on a clock and without a swapper.
func (t *tab) setLoader(o *Options, clock load.Clock) {
	t.loader = &load.Loader{
		Client: t.client, Page: t.page, Clock: clock, Document: t.document, Requests: t.requests, World: t.world,
		ServiceWorkers: t.serviceWorkers, URL: o.URL, Unreached: o.Unreached,
		Timeout: o.Bounds.Load, Request: o.Bounds.Request, Call: o.Bounds.Call,
	}
}
