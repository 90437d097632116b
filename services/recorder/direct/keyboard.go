package direct

import (
	"errors"
	"fmt"

	"github.com/go-rod/rod"
	rodcdp "github.com/go-rod/rod/lib/cdp"
	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// errKey replaces Chrome's error for a key, which might quote the key.
var errKey = errors.New("chrome did not take a key")

// strike presses and releases one key, or inserts text that no key has. Chrome has done it when it
// answers.
func strike(page *rod.Page, text string) error {
	down, ok := keyDown(text)
	if !ok {
		return hushed(proto.InputInsertText{Text: text}.Call(page))
	}
	if err := hushed(down.Call(page)); err != nil {
		return err
	}
	up := down
	up.Type, up.Text, up.UnmodifiedText = proto.InputDispatchKeyEventTypeKeyUp, "", ""
	return hushed(up.Call(page))
}

// hushed is err without Chrome's words, unless they say that the page went elsewhere.
func hushed(err error) error {
	var refused *rodcdp.Error
	if errors.As(err, &refused) && !cdp.Gone(err) {
		return fmt.Errorf("%w (%d)", errKey, refused.Code)
	}
	return err
}

// keyDown is the event of a key on an American keyboard: a character or a name of
// KeyboardEvent.key.
func keyDown(key string) (down proto.InputDispatchKeyEvent, ok bool) {
	switch key {
	case "\n", "\r", "\r\n":
		key = "Enter"
	case "\t":
		key = "Tab"
	}
	if named, ok := scene.NamedKeys[key]; ok {
		down = proto.InputDispatchKeyEvent{
			Type: proto.InputDispatchKeyEventTypeRawKeyDown, Key: key, Code: named.Code, WindowsVirtualKeyCode: named.Windows,
		}
		if key == "Enter" { // the one that types something
			down.Type, down.Text, down.UnmodifiedText = proto.InputDispatchKeyEventTypeKeyDown, "\r", "\r"
		}
		return down, true
	}
	if len(key) != 1 || key[0] < ' ' || key[0] > '~' {
		return down, false
	}
	k := input.Key(key[0])
	info := k.Info()
	down = proto.InputDispatchKeyEvent{
		Type: proto.InputDispatchKeyEventTypeKeyDown, Key: key, Code: info.Code, WindowsVirtualKeyCode: info.KeyCode,
		Text: key, UnmodifiedText: key,
	}
	if shifted(key[0]) {
		down.Modifiers = input.ModifierShift
	}
	return down, true
}

// shifted reports whether an American keyboard needs Shift for a character.
func shifted(c byte) bool {
	for _, plain := range "`1234567890-=\\qwertyuiop[]asdfghjkl;'zxcvbnm,./" {
		if up, ok := input.Key(plain).Shift(); ok && byte(up) == c {
			return true
		}
	}
	return false
}
