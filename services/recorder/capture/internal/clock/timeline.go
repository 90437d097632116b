package clock

import (
	"math"
	"time"

	"github.com/go-rod/rod/lib/proto"
)

// jump is by how much Chrome's clock goes on at most when a response comes while time is granted,
// counted from the request.
const jump = 10 * Millisecond

// timeline relates the page's time to Chrome's ticks and to the page's calendar, whichever process
// shows the page.
type timeline struct {
	date    time.Time // when the page's calendar begins, in whole seconds
	base    Micros    // Chrome's ticks at which virtual time began, or would have
	elapsed Micros    // since then
	skew    Micros    // by how much the calendar is ahead of elapsed

	// began is Chrome's ticks at which virtual time began in the process that shows the page, born
	// the time of that by the page's calendar.
	began, born Micros
	// next is the time at which it would begin in another process that shows the page from now on.
	next Micros
	// first is what began was in the first process, at since: Chrome takes the machine's own clock.
	first Micros
	since time.Time
	// granted is what was granted last and before that, grants of tasks only left out.
	granted [2]Micros
	// moved says that another process shows the page than the one that base and elapsed are of.
	moved bool
}

// start begins with the process of which heard was called first.
func (t *timeline) start() {
	t.base, t.first, t.since, t.moved = t.began, t.began, time.Now(), false
}

// calendar is what the page's calendar says at a time.
func (t *timeline) calendar(at Micros) proto.TimeSinceEpoch {
	return proto.TimeSinceEpoch(float64(t.date.Unix()) + float64(at+t.skew)/1e6)
}

// at returns the time at a moment of the page's calendar, in milliseconds.
func (t *timeline) at(calendar float64) Micros {
	return Micros(math.Round((calendar-float64(t.date.UnixMilli()))*1000)) - t.skew
}

// called returns the calendar for a call that sets a policy. Another process that shows the page
// from now on begins with it. Frames must not go back, so its time is as far behind as it has to
// go: the page's time is ahead of the machine's, with which that of a process begins.
func (t *timeline) called() proto.TimeSinceEpoch {
	if t.began != 0 {
		ahead := max(0, t.base+t.elapsed-t.first-Micros(time.Since(t.since).Microseconds()))
		t.next = t.elapsed - ahead - 2*jump
	}
	return t.calendar(t.next)
}

// heard takes the ticks, in milliseconds, at which virtual time began in the process that shows the
// page. If they differ from before, it is another process, whose time began at next.
func (t *timeline) heard(ticks float64, next Micros) {
	if began := Micros(math.Round(ticks * 1000)); began != t.began {
		t.began, t.born, t.moved = began, next, true
	}
}

// grants takes a grant.
func (t *timeline) grants(d Micros) {
	if d > 2*Millisecond {
		t.granted[0], t.granted[1] = d, t.granted[0]
	}
}

// move goes on in another process, by the page's calendar there, which has whole milliseconds. It
// returns the time to advance to: what it lags behind must pass there, and less than a grain, so
// that it is on one of the grain's marks.
func (t *timeline) move(calendar float64) (to Micros) {
	passed := t.passed(t.at(calendar) - t.born)
	now, to := t.began+passed, t.elapsed
	late := max(0, t.born+passed-to) // then only the date goes on
	missing := (now+to+late-t.born-passed+Grain-1)/Grain*Grain - now
	t.elapsed, t.skew, t.moved = to-missing, t.skew+late, false
	t.base = now - t.elapsed
	return to
}

// passed returns exactly how much time has passed in the process that shows the page, which seems
// says in whole milliseconds. It may be what was granted as the process changed, once more, and a
// jump when the document was read.
func (t *timeline) passed(seems Micros) Micros {
	for _, jump := range []Micros{0, jump} {
		for _, granted := range []Micros{0, t.granted[0], t.granted[1], t.granted[0] + t.granted[1]} {
			if d := granted + jump - seems; -Grain < d && d < Millisecond+Grain {
				return granted + jump
			}
		}
	}
	return seems
}
