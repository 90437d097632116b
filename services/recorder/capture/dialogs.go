package capture

import (
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// noDialogs gives a page's scripts the answers of somebody who closes every dialog. A dialog that
// Chrome opens stops the page until it is answered, and can no longer be answered when the page
// goes on to another meanwhile.
const noDialogs = `Object.assign(window, {alert() {}, confirm() { return false }, prompt() { return null }})`

// answerDialogs answers alert, confirm and prompt before Chrome hears of them, and what dialogs are
// left: beforeunload's.
func (s *scene) answerDialogs() error {
	cdp.On(s.client, s.page.SessionID, func(e *proto.PageJavascriptDialogOpening) {
		accept := e.Type == proto.PageDialogTypeAlert || e.Type == proto.PageDialogTypeBeforeunload
		// Not on the goroutine that would read the answer. Its error is that of the call that the
		// dialog holds up.
		go func() { _ = proto.PageHandleJavaScriptDialog{Accept: accept}.Call(s.page) }()
	})
	return script.OnNewDocument(s.page, "dialogs.js", noDialogs)
}
