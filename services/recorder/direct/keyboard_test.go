package direct

import (
	"errors"
	"strings"
	"testing"

	rodcdp "github.com/go-rod/rod/lib/cdp"

	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

func TestKeysAreThoseOfAnAmericanKeyboard(t *testing.T) {
	for key, want := range map[string]struct {
		code      string
		number    int
		modifiers int
		text      string
	}{
		"a": {"KeyA", 65, 0, "a"}, "A": {"KeyA", 65, 8, "A"}, "1": {"Digit1", 49, 0, "1"}, "!": {"Digit1", 49, 8, "!"},
		"@": {"Digit2", 50, 8, "@"}, " ": {"Space", 32, 0, " "}, "~": {"Backquote", 192, 8, "~"}, "\"": {"Quote", 222, 8, "\""},
		"\n": {"Enter", 13, 0, "\r"}, "\t": {"Tab", 9, 0, ""}, "ArrowDown": {"ArrowDown", 40, 0, ""}, "Enter": {"Enter", 13, 0, "\r"},
	} {
		e, ok := keyDown(key)
		if !ok || e.Code != want.code || e.WindowsVirtualKeyCode != want.number || e.Modifiers != want.modifiers || e.Text != want.text {
			t.Errorf("%q is %+v, want %+v", key, e, want)
		}
	}
	for c := ' '; c <= '~'; c++ {
		if _, ok := keyDown(string(c)); !ok {
			t.Errorf("%q has no key", c)
		}
	}
	for name := range scene.NamedKeys {
		if _, ok := keyDown(name); !ok {
			t.Errorf("%q has no key", name)
		}
	}
	if _, ok := keyDown("é"); ok {
		t.Error("é has a key")
	}
}

func TestWhatChromeSaysOfAKeyIsNotTold(t *testing.T) {
	if err := hushed(&rodcdp.Error{Code: -32602, Message: "secret"}); !errors.Is(err, errKey) || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	if err := hushed(cdp.ErrStalled); !errors.Is(err, cdp.ErrStalled) {
		t.Errorf("error %v, want that Chrome stalled", err)
	}
}
