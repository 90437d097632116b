package direct

import (
	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// setup sets a browser up for a scene, before its page is asked for.
type setup struct {
	page   *rod.Page
	params msg.RecordParams
}

// drive has driver.js run in every document from its beginning, if the scene has actions. They must
// know whether the document was drawn, and whether it is being left.
func (s setup) drive() error {
	if len(s.params.Options.Actions) == 0 {
		return nil
	}
	source := "if (window === top) " + driverJS
	_, err := proto.PageAddScriptToEvaluateOnNewDocument{
		Source: script.Named("driver.js", source), WorldName: world,
	}.Call(s.page)
	if err != nil {
		return failed("set up the page driver", err)
	}
	return nil
}
