package capture

import (
	"errors"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// PageError says that a page could not be recorded, and why.
type PageError = pageerror.Error

var errCrashed = errors.New("the page's process died")

// classify turns the error that ended a capture into the page's where it is the page's doing.
func classify(err error) error {
	var page *PageError
	switch {
	case err == nil, errors.As(err, &page):
		return err
	case errors.Is(err, errCrashed), errors.Is(err, cdp.ErrClosed):
		return &PageError{Code: msg.CodeSceneCrashed, Err: err}
	case errors.Is(err, cdp.ErrStalled):
		return &PageError{Code: msg.CodeSceneTimeout, Err: err}
	}
	return err
}
