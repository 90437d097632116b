package direct

import (
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// Reason is why an action could not be done.
type Reason string

// Reasons.
const (
	ReasonSelector Reason = "its selector is no CSS selector"
	ReasonAbsent   Reason = "its selector finds no element"
	ReasonHidden   Reason = "what its selector finds cannot be seen"
	ReasonOutside  Reason = "what its selector finds is off the screen, where no scrolling reaches it"
	ReasonClosed   Reason = "what its selector finds cannot be typed into"
	ReasonBusy     Reason = "there was no document to do it in: the page went from one to the next without end, or the next one did not come"
)

// ActionError says which action could not be done, and why. It quotes neither selector nor text.
type ActionError struct {
	// Action counts from 1; 0 is the option scroll.
	Action int
	// Do is the action's, such as "click".
	Do     string
	Reason Reason
}

func (e *ActionError) Error() string { return fmt.Sprintf("%s: %s", e.Name(), e.Reason) }

// Name is what users call it.
func (e *ActionError) Name() string {
	if e.Action == 0 {
		return "scroll"
	}
	return fmt.Sprintf("action %d (%s)", e.Action, e.Do)
}

// cannot is the page's error of an action. It is permanent: the clock waits for what the page
// loads, so another try would find the same. Only a page that keeps changing its document is
// retried.
func cannot(number int, do string, why Reason) error {
	return &capture.PageError{
		Code: msg.CodeSceneAction, Permanent: why != ReasonBusy, Err: &ActionError{Action: number, Do: do, Reason: why},
	}
}

// reasons are the states that are failures.
var reasons = map[state]Reason{
	stateSelector: ReasonSelector, stateAbsent: ReasonAbsent, stateHidden: ReasonHidden,
	stateOutside: ReasonOutside, stateClosed: ReasonClosed,
}
