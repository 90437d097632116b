package direct

import (
	"errors"
	"fmt"

	rodcdp "github.com/go-rod/rod/lib/cdp"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// OptionError says which option of a scene could not be done, in words for the product's user. It
// quotes no option's value.
type OptionError struct {
	// Option is where it is, such as hide[0].
	Option string
	// Text ends without a full stop.
	Text string
}

func (e *OptionError) Error() string { return "options." + e.Option + ": " + e.Text }

// refuse is the error of an option that no page can be recorded with.
func refuse(option, format string, args ...any) error {
	return &capture.PageError{
		Code: msg.CodeSceneOptions, Permanent: true, Err: &OptionError{Option: option, Text: fmt.Sprintf(format, args...)},
	}
}

// missed is the error of a wait that ended in vain. It is retried: the page may be quicker then.
func missed(option, format string, args ...any) error {
	return &capture.PageError{
		Code: msg.CodeSceneWait, Err: &OptionError{Option: option, Text: fmt.Sprintf(format, args...)},
	}
}

// refused reports whether Chrome answered with an error.
func refused(err error) bool {
	var answer *rodcdp.Error
	return errors.As(err, &answer)
}

// failed is the error of a step. It leaves Chrome's answer out, which may quote a secret option.
func failed(step string, err error) error {
	if refused(err) {
		return fmt.Errorf("%s: refused by Chrome", step)
	}
	return fmt.Errorf("%s: %w", step, err)
}
