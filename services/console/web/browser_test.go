package web_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/launcher"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// chrome is one browser for all tests. Each has a window whose cookies are its own.
var chrome struct {
	sync.Mutex
	browser  *rod.Browser
	launched *launcher.Launcher
}

func startBrowser(t testing.TB) *rod.Browser {
	t.Helper()
	chrome.Lock()
	defer chrome.Unlock()
	if chrome.browser != nil {
		return chrome.browser
	}
	path := os.Getenv("CHROME_PATH")
	if path == "" {
		path = "chromium-headless-shell"
	}
	l := launcher.New().Bin(path).Leakless(false).NoSandbox(os.Getuid() == 0).Set("disable-gpu").Set("hide-scrollbars")
	control, err := l.Launch()
	if err != nil {
		t.Fatalf("start Chrome (%s): %v", path, err)
	}
	b := rod.New().ControlURL(control)
	if err := b.Connect(); err != nil {
		t.Fatal(err)
	}
	chrome.browser, chrome.launched = b, l
	return b
}

func closeBrowser() {
	if chrome.browser != nil {
		_ = chrome.browser.Close()
		chrome.launched.Cleanup()
	}
}

// keyOf is a key of a keyboard.
func keyOf(key rune) input.Key { return input.Key(key) }

// window opens a window, in which somebody has signed in by a link.
func (d *dashboard) window(t testing.TB, scope access.Scope, width int) *rod.Page {
	t.Helper()
	page := blank(t, width)
	page.Timeout(patience).MustNavigate(d.offer(access.Principal{Scope: scope})).MustElement("button.main").MustClick()
	page.Timeout(patience).MustElement(".top")
	return page
}

func blank(t testing.TB, width int) *rod.Page {
	t.Helper()
	own, err := startBrowser(t).Incognito()
	if err != nil {
		t.Fatal(err)
	}
	page, err := own.Page(proto.TargetCreateTarget{URL: "about:blank"})
	if err != nil {
		t.Fatal(err)
	}
	page.MustSetViewport(width, 900, 1, width < 500)
	t.Cleanup(func() {
		_ = page.Close()
		_ = own.Close()
	})
	return page
}

// shoot saves a picture of the whole page where LOOM_PICTURES says.
func shoot(t testing.TB, page *rod.Page, name string) {
	t.Helper()
	dir := os.Getenv("LOOM_PICTURES")
	if dir == "" {
		return
	}
	data, err := page.Screenshot(true, &proto.PageCaptureScreenshot{Format: proto.PageCaptureScreenshotFormatPng})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
