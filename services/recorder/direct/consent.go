package direct

import (
	"context"
	_ "embed"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// The kept rule set, and what applies it in a page: autoconsent/README.md says where they come
// from. consentBridge is what comes between that and the page.
var (
	//go:embed autoconsent/content.js
	consentScript string
	//go:embed consent.js
	consentBridge string
	//go:embed autoconsent/rules.json
	consentRules []byte
)

const (
	// consentWorld is the world that the script runs in, apart from the page's own; consentSend is
	// how it speaks to us.
	consentWorld = "loom-consent"
	consentSend  = "loomConsentSend"

	consentStep = 50 * time.Millisecond
	// consentWait is for how much page time a banner may take to show up, consentAct how long it
	// may take from the page's load until it is refused, and consentFade how long it takes to go.
	consentWait = 1500 * time.Millisecond
	consentAct  = 6 * time.Second
	consentFade = 600 * time.Millisecond
	// consentTime bounds all of it in real time.
	consentTime = 20 * time.Second
)

// consentConfig is the script's. Nothing is hidden that is not refused or closed.
var consentConfig = map[string]any{
	"enabled": true, "autoAction": "optOut", "disabledCmps": []string{}, "enablePrehide": false, "enableCosmeticRules": true,
	"enableGeneratedRules": true, "detectRetries": 20, "isMainWorld": false, "enableHeuristicDetection": false,
	"heuristicMode": "reject", "visualTest": false, "logs": map[string]bool{},
}

// frame is a document in a frame. Numbers of worlds come again in another process, names of
// documents do not.
type frame struct {
	id       proto.PageFrameID
	document string
}

// consent refuses and closes banners, in every frame of the page: some banners are frames of
// another site.
type consent struct {
	page *rod.Page

	mu sync.Mutex
	// frames are the worlds of the page's own scripts; each is a document's.
	frames map[proto.RuntimeExecutionContextID]frame
	// said is what the script said and has no answer yet.
	said []*proto.RuntimeBindingCalled

	// worlds are the script's own, each with the world of the page's that it belongs to.
	worlds map[proto.RuntimeExecutionContextID]proto.RuntimeExecutionContextID
	// entered are the documents that it was tried in.
	entered map[frame]bool
	// states are how far it is in each of its worlds.
	states map[proto.RuntimeExecutionContextID]string
}

// watchConsent listens for the page's documents.
func watchConsent(page *rod.Page) (*consent, error) {
	c := &consent{
		page: page, frames: map[proto.RuntimeExecutionContextID]frame{},
		worlds:  map[proto.RuntimeExecutionContextID]proto.RuntimeExecutionContextID{},
		entered: map[frame]bool{}, states: map[proto.RuntimeExecutionContextID]string{},
	}
	events := page.Event()
	go func() {
		for e := range events {
			c.note(e)
		}
	}()
	if err := (proto.RuntimeEnable{}).Call(page); err != nil {
		return nil, failed("watch the page's documents", err)
	}
	if err := (proto.RuntimeAddBinding{Name: consentSend, ExecutionContextName: consentWorld}).Call(page); err != nil {
		return nil, failed("listen for banners", err)
	}
	return c, nil
}

func (c *consent) note(e *rod.Message) {
	var made proto.RuntimeExecutionContextCreated
	var gone proto.RuntimeExecutionContextDestroyed
	var said proto.RuntimeBindingCalled
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case e.Load(&made):
		if made.Context.AuxData["isDefault"].Bool() {
			c.frames[made.Context.ID] = frame{proto.PageFrameID(made.Context.AuxData["frameId"].Str()), made.Context.UniqueID}
		}
	case e.Load(&gone):
		delete(c.frames, gone.ExecutionContextID)
	case e.Load(&proto.RuntimeExecutionContextsCleared{}):
		clear(c.frames)
	case e.Load(&said):
		if said.Name == consentSend {
			c.said = append(c.said, &said)
		}
	}
}

// dismiss gives the page time until its banner is gone, or none has shown up.
func (c *consent) dismiss(ctx context.Context, pass capture.Pass) error {
	if c == nil {
		return nil
	}
	deadline := time.Now().Add(consentTime)
	for at, quiet := time.Duration(0), time.Duration(0); at < consentAct && time.Now().Before(deadline); at += consentStep {
		if err := pass(ctx, consentStep); err != nil {
			return err
		}
		acted, acting := c.progress()
		switch {
		case acting:
			quiet = 0
		case acted:
			quiet += consentStep
		}
		if !acting && (quiet >= consentFade || !acted && at >= consentWait) {
			return nil
		}
	}
	return nil
}

// progress reports whether a banner was dealt with, and whether one is being.
func (c *consent) progress() (acted, acting bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for world, state := range c.states {
		if _, there := c.frames[c.worlds[world]]; !there {
			continue
		}
		switch state {
		case "cmpDetected", "openPopupDetected", "runningOptOut":
			acting = true
		case "optOutSucceeded", "optOutFailed", "done":
			acted = true
		}
	}
	return acted, acting
}

// during returns a pass that lets the script do its part whenever time has passed. Without a script
// it is pass itself.
func (c *consent) during(pass capture.Pass) capture.Pass {
	if c == nil {
		return pass
	}
	return func(ctx context.Context, d time.Duration) error {
		if err := c.enter(); err != nil {
			return err
		}
		if err := pass(ctx, d); err != nil {
			return err
		}
		return c.answer()
	}
}

// enter starts the script in the documents that it is not in. One may be gone meanwhile.
func (c *consent) enter() error {
	c.mu.Lock()
	fresh := map[proto.RuntimeExecutionContextID]frame{}
	for main, f := range c.frames {
		if !c.entered[f] {
			fresh[main], c.entered[f] = f, true
		}
	}
	c.mu.Unlock()
	bridge, err := call(strings.TrimSpace(consentBridge), consentSend)
	if err != nil {
		return err
	}
	for main, f := range fresh {
		world, err := proto.PageCreateIsolatedWorld{FrameID: f.id, WorldName: consentWorld}.Call(c.page)
		if err == nil {
			c.worlds[world.ExecutionContextID] = main
			delete(c.states, world.ExecutionContextID) // what another document's came to
			source := script.Named("consent.js", bridge+"\n;"+consentScript)
			_, err = proto.RuntimeEvaluate{Expression: source, ContextID: world.ExecutionContextID}.Call(c.page)
		}
		if err != nil && !cdp.Gone(err) {
			return failed("look for banners", err)
		}
	}
	return nil
}

// consentMessage is what the script says.
type consentMessage struct {
	Type  string `json:"type"`
	ID    string `json:"id"`
	Code  string `json:"code"`
	State struct {
		Lifecycle string `json:"lifecycle"`
	} `json:"state"`
}

// answer answers what the script has said.
func (c *consent) answer() error {
	for {
		c.mu.Lock()
		said := c.said
		c.said = nil
		c.mu.Unlock()
		if len(said) == 0 {
			return nil
		}
		for _, s := range said {
			var m consentMessage
			if json.Unmarshal([]byte(s.Payload), &m) != nil {
				continue
			}
			if err := c.reply(s.ExecutionContextID, m); err != nil && !cdp.Gone(err) {
				return failed("dismiss banners", err)
			}
		}
	}
}

// reply answers one message from a world.
func (c *consent) reply(world proto.RuntimeExecutionContextID, m consentMessage) error {
	switch m.Type {
	case "report":
		c.states[world] = m.State.Lifecycle
	case "init":
		return c.tell(world, map[string]any{
			"type": "initResp", "config": consentConfig,
			"rules": map[string]any{"autoconsent": []any{}, "compact": json.RawMessage(consentRules)},
		})
	case "eval":
		// What only the page's own scripts can see. It fails where what it looks for is not there.
		reply, err := proto.RuntimeEvaluate{Expression: m.Code, ContextID: c.worlds[world], ReturnByValue: true}.Call(c.page)
		if err != nil && !cdp.Gone(err) {
			return err
		}
		yes := err == nil && reply.ExceptionDetails == nil && truthy(reply.Result)
		return c.tell(world, map[string]any{"type": "evalResp", "id": m.ID, "result": yes})
	}
	return nil
}

// tell gives the script in a world a message.
func (c *consent) tell(world proto.RuntimeExecutionContextID, message any) error {
	return evaluate(c.page, world, nil, `message => void autoconsentReceiveMessage(message)`, message)
}

// truthy reports whether a value is true, as JavaScript sees it.
func truthy(o *proto.RuntimeRemoteObject) bool {
	switch o.Type {
	case proto.RuntimeRemoteObjectTypeBoolean:
		return o.Value.Bool()
	case proto.RuntimeRemoteObjectTypeString:
		return o.Value.Str() != ""
	case proto.RuntimeRemoteObjectTypeNumber:
		return o.Value.Num() != 0
	case proto.RuntimeRemoteObjectTypeUndefined:
		return false
	}
	return o.Subtype != proto.RuntimeRemoteObjectSubtypeNull
}

// end keeps the script from acting while the scene is recorded.
func (c *consent) end() error {
	if c == nil {
		return nil
	}
	for world := range c.worlds {
		err := evaluate(c.page, world, nil, `() => { globalThis.loomConsentEnded = true }`)
		if err != nil && !cdp.Gone(err) {
			return failed("leave banners alone", err)
		}
	}
	return nil
}
