package campaign

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

func TestOptionsAreReadFromAFileOfTheirOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "options.yaml")
	for name, c := range map[string]struct{ text, capture string }{
		"YAML":    {"# how\ncapture: realtime\nscroll: {to: end, seconds: 2}\n", scene.CaptureRealtime},
		"JSON":    {`{"capture": "realtime", "scroll": {"to": "end"}}`, scene.CaptureRealtime},
		"nothing": {"", ""}, "a comment": {"# nothing yet\n", ""}, "an empty one": {"{}", ""},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := LoadOptions(path, 5*time.Second)
		if err != nil || o.Capture != c.capture || (o.Scroll != nil) != (c.capture != "") {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
}

func TestWhatIsWrongWithOptionsIsToldByLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "options.yaml")
	for name, c := range map[string]struct {
		text string
		want []string // lines, in order
	}{
		"unknown":       {"css: a\nhidden: [b]\n", []string{":2: hidden: there is no such field"}},
		"no such value": {"scroll:\n  to: end\n  easing: wild\n", []string{":3: scroll.easing: "}},
		"beyond a schema": {"viewport: {width: 20, height: 20}\nwait_for:\n  timeout_sec: 1\n  seconds: 2\nactions:\n- {do: click}\n",
			[]string{":4: wait_for.seconds: ", ":6: actions[0].do: "}},
		"after the scene": {"actions:\n- {at: 1, do: wait, seconds: 1}\n- {at: 7, do: wait, seconds: 1}\n", []string{":3: actions[1].at: "}},
		"a list":          {"- hide\n", []string{":1: this is a list"}},
		"no YAML":         {"css: [a\n", []string{":1: "}},
		"two documents":   {"css: a\n---\ncss: b\n", []string{"several documents"}},
		"no number":       {"wait_for:\n  seconds: .nan\n", []string{":2: wait_for.seconds: "}},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadOptions(path, 5*time.Second)
		var invalid *Error
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.want) {
			t.Errorf("%s: %q, want %q", name, lines, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(lines[i], path) || !strings.Contains(lines[i], want) {
				t.Errorf("%s: %q, want %q", name, lines[i], want)
			}
		}
	}
}

func TestAPageIsAURLOrAFileOrAFolder(t *testing.T) {
	dir := t.TempDir()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a b.html", "site/index.html", ".hidden.html", "empty/x"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("<p>"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "site", "index.html"), filepath.Join(dir, "link.html")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	const base = "http://127.0.0.1:1/x/"
	for written, want := range map[string]struct{ url, dir string }{
		"https://example.com/a?b#c": {"https://example.com/a?b#c", ""},
		"HTTP://example.com":        {"HTTP://example.com", ""},
		"a b.html":                  {base + "a%20b.html", dir},
		"a b.html?q=1#top":          {base + "a%20b.html?q=1#top", dir},
		dir + "/site/index.html":    {base + "index.html", dir + "/site"},
		"site":                      {base, dir + "/site"},
		"site/?q":                   {base + "?q", dir + "/site"},
		"site/../site/index.html":   {base + "index.html", dir + "/site"},
		"link.html":                 {base + "index.html", dir + "/site"},
	} {
		ref, served, err := Page(written)
		if err != nil || ref.URL(base) != want.url || served != want.dir {
			t.Errorf("%q is %q in %q, %v; want %q in %q", written, ref.URL(base), served, err, want.url, want.dir)
		}
	}
	for written, want := range map[string]string{
		"": "there is no file", "none.html": "there is no file", "empty": "there is no file", ".hidden.html": "hidden",
		"file:///etc/passwd": "http or https", "https://": "complete URL", "http://u:p@example.com": "leave it out",
	} {
		if _, _, err := Page(written); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "campaign") {
			t.Errorf("%q: %v, want %q", written, err, want)
		}
	}
}
