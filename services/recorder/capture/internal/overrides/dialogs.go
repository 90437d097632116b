package overrides

import (
	"fmt"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// noDialogs answers like a person who closes every dialog. A dialog that Chrome opens stops the
// page until it is answered, and cannot be answered any more when the page navigates meanwhile.
const noDialogs = `Object.assign(window, {alert() {}, confirm() { return false }, prompt() { return null }})`

// Dialogs answers alert, confirm and prompt in a page, from its next document on, before Chrome
// opens them. It accepts those that Chrome opens all the same: beforeunload's.
func Dialogs(c *cdp.Client, page *rod.Page) error {
	cdp.On(c, page.SessionID, func(e *proto.PageJavascriptDialogOpening) {
		accept := e.Type == proto.PageDialogTypeAlert || e.Type == proto.PageDialogTypeBeforeunload
		// Not on the goroutine that would read the reply. An error ends the call that waits for the
		// dialog.
		go func() { _ = proto.PageHandleJavaScriptDialog{Accept: accept}.Call(page) }()
	})
	if err := script.OnNewDocument(page, "dialogs.js", noDialogs); err != nil {
		return fmt.Errorf("answer dialogs: %w", err)
	}
	return nil
}
