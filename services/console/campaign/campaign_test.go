package campaign

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/options"
)

// folder makes a folder with a few files, and returns its path.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"page.html": "<p>page", "site/index.html": "<p>site", "what?#1.html": "<p>odd name", "a b.html": "<p>space",
		"empty/note.txt": "", ".env": "SECRET=1", "facecam.mp4": "video", "logo.png": "picture",
		"talk.srt": "1\n00:00:01,000 --> 00:00:02,500\nWelcome!\n", "talk.vtt": "WEBVTT\n\n00:01.000 --> 00:02.500\nWelcome!\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, dir, text string) (*Campaign, error) {
	t.Helper()
	path := filepath.Join(dir, "campaign.yaml")
	write(t, path, text)
	return Load(path)
}

func TestCampaignIsReadAsWritten(t *testing.T) {
	dir := folder(t)
	c, err := load(t, dir, `# a comment
name: Spring launch
facecam_url: facecam.mp4
output_width: 1280
output_height: 720
output_fps: 30
scenes:
  - url: https://example.com/a?b=c#d
    duration_sec: 5
  - {url: page.html?x=1#top, duration_sec: 2}
`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "Spring launch" || *c.Width != 1280 || *c.Height != 720 || *c.FPS != 30 || c.Dir != dir {
		t.Errorf("got %+v", c)
	}
	if got := c.Facecam.URL("http://h/p/"); got != "http://h/p/facecam.mp4" {
		t.Errorf("the facecam is at %s", got)
	}
	if len(c.Scenes) != 2 || c.Scenes[0].Duration != 5 || c.Scenes[1].Duration != 2 {
		t.Fatalf("got scenes %+v", c.Scenes)
	}
	if got := c.Scenes[0].Page.URL("http://h/p/"); got != "https://example.com/a?b=c#d" {
		t.Errorf("scene 1 is at %s", got)
	}
	if got := c.Scenes[1].Page.URL("http://h/p/"); got != "http://h/p/page.html?x=1#top" {
		t.Errorf("scene 2 is at %s", got)
	}
	if !c.Local() {
		t.Error("its files were not noticed")
	}
}

func TestWhatIsLeftOutIsLeftToTheApp(t *testing.T) {
	for name, text := range map[string]string{
		"absent": "scenes: [{url: 'https://example.com', duration_sec: 1}]",
		"null": "facecam_url:\noutput_width: null\noutput_height: ~\noutput_fps:\n" +
			"scenes: [{url: 'https://example.com', duration_sec: 1}]",
		"JSON": `{"scenes": [{"url": "https://example.com", "duration_sec": 1}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(t, folder(t), text)
			if err != nil {
				t.Fatal(err)
			}
			if c.Name != "campaign" || c.Facecam != nil || c.Width != nil || c.Height != nil || c.FPS != nil || c.Local() {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestReferencesToFiles(t *testing.T) {
	for written, want := range map[string]string{
		"page.html":        "B/page.html",
		"./page.html":      "B/page.html",
		"site/../a b.html": "B/a%20b.html",
		"site":             "B/site",
		"site/":            "B/site/",
		"site/?q":          "B/site/?q",
		"what?#1.html":     "B/what%3F%231.html",
	} {
		c, err := load(t, folder(t), "scenes: [{url: '"+written+"', duration_sec: 1}]")
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		if got := c.Scenes[0].Page.URL("B/"); got != want {
			t.Errorf("%s became %s, want %s", written, got, want)
		}
	}
}

func TestBadFilesAreToldByLineAndField(t *testing.T) {
	scenes := "scenes:\n  - url: https://example.com\n    duration_sec: 1\n"
	for name, c := range map[string]struct {
		text string
		want []string // each must be in one line of the error
	}{
		"empty":            {"", []string{"campaign.yaml: there is nothing here"}},
		"a text":           {"hello", []string{"campaign.yaml:1: this is a text, not a group of fields"}},
		"not YAML":         {"name: x\nscenes: [\n", []string{"campaign.yaml:2: "}},
		"two documents":    {scenes + "---\n" + scenes, []string{"several documents"}},
		"a field twice":    {"name: a\nname: b\n" + scenes, []string{"campaign.yaml:2: "}},
		"no scenes":        {"name: x\n", []string{"campaign.yaml:1: scenes is missing", "at least one"}},
		"empty scenes":     {"name: x\nscenes: []\n", []string{"campaign.yaml:2: scenes: the list is empty"}},
		"scenes no list":   {"scenes: https://example.com\n", []string{"campaign.yaml:1: scenes: this is a text, not a list"}},
		"duration 0":       {"scenes:\n  - url: https://example.com\n    duration_sec: 0\n", []string{"campaign.yaml:3: scenes[0].duration_sec: 0 is too small. How long", "whole seconds from 1 to 3600", "duration_sec: 5"}},
		"negative":         {"scenes:\n  - url: https://example.com\n    duration_sec: -3\n", []string{"campaign.yaml:3: scenes[0].duration_sec: -3 is too small"}},
		"ten hours":        {"scenes:\n  - url: https://example.com\n    duration_sec: 36000\n", []string{"campaign.yaml:3: scenes[0].duration_sec: 36000 is too large"}},
		"half a second":    {"scenes:\n  - url: https://example.com\n    duration_sec: 1.5\n", []string{"campaign.yaml:3: scenes[0].duration_sec: this is a fraction, not a whole number"}},
		"a text for 5":     {"scenes:\n  - url: https://example.com\n    duration_sec: five\n", []string{"campaign.yaml:3: scenes[0].duration_sec: this is a text, not a whole number"}},
		"duration missing": {"scenes:\n  - url: https://example.com\n", []string{"campaign.yaml:2: scenes[0]: duration_sec is missing"}},
		"unknown fields":   {"title: x\nscenes:\n  - url: https://example.com\n    duration: 1\n    duration_sec: 1\n", []string{"campaign.yaml:1: title: there is no such field", "campaign.yaml:4: scenes[0].duration: there is no such field: did you mean duration_sec?"}},
		"camel case":       {"outputWidth: 10\n" + scenes, []string{"campaign.yaml:1: outputWidth: there is no such field: did you mean output_width?"}},
		"odd width":        {"output_width: 1921\n" + scenes, []string{"campaign.yaml:1: output_width: 1921 is odd. The video's width in pixels: an even number"}},
		"zero height":      {"output_height: 0\n" + scenes, []string{"campaign.yaml:1: output_height: 0 is too small"}},
		"absurd rate":      {"output_fps: 1000\n" + scenes, []string{"campaign.yaml:1: output_fps: 1000 is too large"}},
		"a number as name": {"name: 2026\n" + scenes, []string{"campaign.yaml:1: name: this is a number, not a text"}},
		"nothing as page":  {"scenes:\n  - url:\n    duration_sec: 1\n", []string{"campaign.yaml:2: scenes[0].url: there is nothing here. The page:"}},
		"no such file":     {"scenes:\n  - url: none.html\n    duration_sec: 1\n", []string{`campaign.yaml:2: scenes[0].url: there is no file "none.html"`}},
		"no such facecam":  {scenes + "facecam_url: none.mp4\n", []string{`campaign.yaml:4: facecam_url: there is no file "none.mp4"`}},
		"facecam a folder": {scenes + "facecam_url: site\n", []string{`campaign.yaml:4: facecam_url: "site" is not a file`}},
		"no index":         {"scenes: [{url: empty/, duration_sec: 1}]", []string{`there is no file "empty/"`}},
		"outside":          {"scenes: [{url: ../page.html, duration_sec: 1}]", []string{`"../page.html" is outside`}},
		"absolute":         {"scenes: [{url: /etc/passwd, duration_sec: 1}]", []string{`"/etc/passwd" is outside`}},
		"hidden":           {"scenes: [{url: .env, duration_sec: 1}]", []string{`".env" is a hidden file`}},
		"a file URL":       {"scenes: [{url: 'file:///etc/passwd', duration_sec: 1}]", []string{"is neither an http nor an https URL"}},
		"javascript":       {"scenes: [{url: 'javascript:alert(1)', duration_sec: 1}]", []string{"is neither an http nor an https URL"}},
		"a password":       {"scenes: [{url: 'https://u:pw@example.com', duration_sec: 1}]", []string{"at example.com holds a user name or password"}},
		"no host":          {"scenes: [{url: 'https://', duration_sec: 1}]", []string{"is not a complete URL"}},
		"no scheme":        {"scenes: [{url: '//example.com', duration_sec: 1}]", []string{"write https://example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, folder(t), c.text)
			var invalid *Error
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v, want an *Error", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in:\n%v", want, err)
				}
			}
			if n := strings.Count(err.Error(), "\n") + 1; n != len(invalid.Problems) {
				t.Errorf("%d problems on %d lines", len(invalid.Problems), n)
			}
		})
	}
}

func TestOptionsOfAScene(t *testing.T) {
	c, err := load(t, folder(t), `
scenes:
  - url: page.html
    duration_sec: 3
    options:
      color_scheme: dark
      viewport: {width: 390, height: 844, device_scale_factor: 2}
      headers:
        X-Preview: spring
      actions:
        - {at: 1, do: press, key: Enter}
  - {url: page.html, duration_sec: 1, options: {}}
  - {url: page.html, duration_sec: 1}
`)
	if err != nil {
		t.Fatal(err)
	}
	o, err := options.ParseScene(c.Scenes[0].Options, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if o.ColorScheme != "dark" || o.Viewport.Height != 844 || o.Headers["X-Preview"] != "spring" || *o.Actions[0].At != 1 {
		t.Errorf("got %+v", o)
	}
	if c.Scenes[1].Options != nil || c.Scenes[2].Options != nil {
		t.Error("scenes of which nothing is asked have options")
	}
}

func TestBadOptionsAreToldByLineAndField(t *testing.T) {
	start := "scenes:\n  - url: page.html\n    duration_sec: 3\n    options:\n"
	for text, want := range map[string]string{
		start + "      scroll:\n        to: end\n        easing: bounce\n":                                         "campaign.yaml:7: scenes[0].options.scroll.easing: this is none of linear, ease-in, ease-out, ease-in-out. How the pace",
		start + "      colour_scheme: dark\n":                                                                      "campaign.yaml:5: scenes[0].options.colour_scheme: there is no such field: did you mean color_scheme?",
		start + "      actions:\n        - do: wait\n          seconds: 1\n        - do: click\n          at: 2\n": "campaign.yaml:8: scenes[0].options.actions[1].do: click needs selector",
		start + "      actions:\n        - do: wait\n          seconds: 4\n":                                       "campaign.yaml:7: scenes[0].options.actions[0].seconds: the action would end after 4 seconds",
		start + "      headers:\n        Cookie: hunter2\n":                                                        "campaign.yaml:6: scenes[0].options.headers.Cookie: this header is the browser's own",
		start + "      headers:\n        X-A: 5\n":                                                                 "campaign.yaml:6: scenes[0].options.headers.X-A: this is a number, not a text",
		start + "      wait_for:\n        seconds: .inf\n":                                                         "campaign.yaml:6: scenes[0].options.wait_for.seconds: this is no number that can be counted with",
		start + "      wait_for:\n        seconds: .nan\n":                                                         "campaign.yaml:6: scenes[0].options.wait_for.seconds: this is no number that can be counted with",
		start + "      wait_for:\n        seconds: -1\n":                                                           "campaign.yaml:6: scenes[0].options.wait_for.seconds: -1 is too small. Seconds of page time",
		start + "      scroll: {}\n":                                                                               "campaign.yaml:5: scenes[0].options.scroll: to is missing. Where to",
		start + "      timezone: Europe/Nowhere\n":                                                                 "campaign.yaml:5: scenes[0].options.timezone: there is no such time zone",
		start + "      - scroll\n":                                                                                 "campaign.yaml:4: scenes[0].options: this is a list, not a group of fields. What is asked",
		"scenes: [{url: page.html, duration_sec: 3, options: }]":                                                   "scenes[0].options: there is nothing here",
	} {
		_, err := load(t, folder(t), text)
		var invalid *Error
		if !errors.As(err, &invalid) {
			t.Errorf("%s: got %v, want an *Error", text, err)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || len(invalid.Problems) != 1 {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestLinksOutOfTheFolderAreRefused(t *testing.T) {
	dir, outside := folder(t), filepath.Join(t.TempDir(), "secret.html")
	write(t, outside, "secret")
	if err := os.Symlink(outside, filepath.Join(dir, "link.html")); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, dir, "scenes: [{url: link.html, duration_sec: 1}]"); err == nil {
		t.Fatal("a link out of the folder was taken")
	}
	if err := os.Symlink("page.html", filepath.Join(dir, "inside.html")); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, dir, "scenes: [{url: inside.html, duration_sec: 1}]"); err != nil {
		t.Errorf("a link within the folder: %v", err)
	}
}

func TestFileThatIsNotThereIsNamed(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestHugeFileIsRefused(t *testing.T) {
	if _, err := load(t, folder(t), strings.Repeat("# comment\n", maxSize/10+1)); err == nil {
		t.Error("it was read")
	}
}

func TestExamplesAreValid(t *testing.T) {
	files, err := filepath.Glob("../../../examples/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		if _, err := Load(file); err != nil {
			t.Error(err)
		}
	}
}

// Editors show the descriptions, and so do our errors: no field may be without.
func TestEveryFieldOfTheSchemaIsDescribed(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, s map[string]any)
	walk = func(path string, s map[string]any) {
		if ref, _ := s["$ref"].(string); strings.Contains(ref, "#") {
			return // what it refers to has one
		}
		if d, _ := s["description"].(string); d == "" {
			t.Errorf("%s has no description", path)
		}
		properties, _ := s["properties"].(map[string]any)
		for name, p := range properties {
			walk(path+"."+name, p.(map[string]any))
		}
		if items, ok := s["items"].(map[string]any); ok {
			walk(path+"[]", items)
		}
	}
	walk("", schema)
}

func FuzzLoadNeverPanics(f *testing.F) {
	f.Add("scenes: [{url: page.html, duration_sec: 1}]")
	f.Add("scenes:\n- &a {url: 'a?b', duration_sec: 1}\n- *a\n")
	f.Add("? [a]\n: b")
	f.Add("<<: {}\nscenes: [[]]")
	dir := folder(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := load(t, dir, text)
		if err == nil && len(c.Scenes) == 0 {
			t.Error("a campaign without scenes")
		}
	})
}

// What ingest refuses is told before the render is submitted, by line.
func TestACampaignIsJudgedAsIngestJudgesIt(t *testing.T) {
	for text, want := range map[string]string{
		"output_options:\n  transition:\n    kind: crossfade\n    seconds: 1\nscenes:\n  - {url: page.html, duration_sec: 1}\n  - {url: page.html, duration_sec: 2}\n": "campaign.yaml:4: output_options.transition.seconds: scene 1 lasts 1 second, and a crossfade of 1 seconds would be all of it",
		"output_width: 3840\noutput_height: 3840\nscenes: [{url: page.html, duration_sec: 1}]\n":                                                                       "campaign.yaml:1: output_width: The output size 3840×3840 is not possible",
		"scenes: [{url: 'https://example.com:70000/', duration_sec: 1}]\n":                                                                                             "campaign.yaml:1: scenes[0].url: the address has a port that does not exist",
	} {
		_, err := load(t, folder(t), text)
		var invalid *Error
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), want) || len(invalid.Problems) != 1 {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}
