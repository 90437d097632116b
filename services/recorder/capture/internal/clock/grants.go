package clock

import (
	"errors"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Grants grants time by calls that are encoded once and made on the goroutine that reads Chrome's
// messages. From the first Grant until the owner has heard of the end on another goroutine, the
// clock belongs to that one.
type Grants struct {
	clock *Clock
	call  *cdp.Call
	// calendar is what the page's calendar would begin with in another process.
	calendar proto.TimeSinceEpoch
	// started is called when Chrome has accepted a grant, or has not.
	started func(error)
	answer  func(cdp.Raw, error)

	asked   Micros // by Grant
	passing Micros // accepted, and not expired
}

// Grants prepares them. started is called on the goroutine that reads.
func (k *Clock) Grants(started func(error)) (*Grants, error) {
	policy := k.policy(0)
	calendar := k.time.calendar(k.time.next) // as the last call had it
	policy.InitialVirtualTime = calendar
	call, err := cdp.NewCall(k.page.SessionID, policy, "budget")
	if err != nil {
		return nil, err
	}
	g := &Grants{clock: k, call: call, calendar: calendar, started: started}
	g.answer = g.answered
	return g, nil
}

// Grant lets time pass until to.
func (g *Grants) Grant(to Micros) {
	g.asked = to - g.clock.time.elapsed
	g.clock.time.grants(g.asked)
	g.clock.client.Again(g.call, g.asked.MS(), g.answer)
}

func (g *Grants) answered(reply cdp.Raw, err error) {
	base, ok := reply.Float("virtualTimeTicksBase")
	if err == nil && !ok {
		err = errors.New("grant time: Chrome does not say since when")
	}
	if err == nil {
		g.clock.time.heard(base, g.clock.time.next)
		g.passing = g.asked
	}
	g.started(err)
}

// Expired takes Chrome's event that granted time has passed. It reports false for the event of an
// earlier grant.
func (g *Grants) Expired() bool {
	if g.passing == 0 {
		return false
	}
	g.clock.time.elapsed += g.passing
	g.passing = 0
	return true
}

// Hopeless reports whether the page's requests are not to be waited for any longer, after a wait.
// Any goroutine may call it.
func (g *Grants) Hopeless(waited time.Duration) bool { return g.clock.hopeless(waited) }

// Free lets the granted time pass whatever the page waits for. Any goroutine may call it, once.
func (g *Grants) Free() {
	g.clock.requests.Recall()
	policy := free
	policy.InitialVirtualTime = g.calendar
	// If it fails, the granted time does not pass, which the owner's bound ends.
	g.clock.client.Then(string(g.clock.page.SessionID), policy.ProtoReq(), policy, func(cdp.Raw, error) {})
}

// Held takes for how long requests held time, when the clock is the owner's again.
func (g *Grants) Held(d time.Duration) { g.clock.left -= d }
