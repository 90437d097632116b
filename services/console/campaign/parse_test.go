package campaign

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What a stranger sends names no file of the machine that reads it, in no field that takes one.
func TestACampaignThatIsSentNamesNoFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "page.html", "<p>page")
	write(t, "captions.srt", "1\n00:00:00,000 --> 00:00:01,000\nhello\n")
	scene := func(url string) string { return `{"scenes": [{"url": "` + url + `", "duration_sec": 1}]}` }
	with := func(fields string) string {
		return `{"scenes": [{"url": "https://example.com", "duration_sec": 1}], ` + fields + `}`
	}
	for name, c := range map[string]struct{ text, at string }{
		"a file":             {scene("page.html"), "scenes 0 url"},
		"a path":             {scene("/etc/passwd"), "scenes 0 url"},
		"file:":              {scene("file:///etc/passwd"), "scenes 0 url"},
		"FILE: in capitals":  {scene("FILE:///etc/passwd"), "scenes 0 url"},
		"chrome:":            {scene("chrome://version"), "scenes 0 url"},
		"javascript:":        {scene("javascript:alert(1)"), "scenes 0 url"},
		"data:":              {scene("data:text/html,x"), "scenes 0 url"},
		"no scheme":          {scene("//example.com"), "scenes 0 url"},
		"a password":         {scene("https://user:pass@example.com"), "scenes 0 url"},
		"a folder above":     {scene("../page.html"), "scenes 0 url"},
		"a facecam's file":   {with(`"facecam_url": "page.html"`), "facecam_url"},
		"a watermark's file": {with(`"output_options": {"watermark": {"url": "page.html"}}`), "output_options watermark url"},
		"a captions' file":   {with(`"output_options": {"captions": {"file": "captions.srt"}}`), "output_options captions file"},
	} {
		_, err := Parse([]byte(c.text))
		var wrong *Error
		if !errors.As(err, &wrong) || !slices.ContainsFunc(wrong.Problems, func(p Problem) bool { return strings.Join(p.Location, " ") == c.at }) {
			t.Errorf("%s: %v, want a problem at %s", name, err, c.at)
		}
	}
}

func TestACampaignThatIsSentIsReadAsAFileIs(t *testing.T) {
	c, err := Parse([]byte(`{"name": "Launch", "output_width": 1.28e3, "output_rate": 29.97, "facecam_url": null,
		"output_options": {"quality": "high"}, "scenes": [{"url": "https://example.com/a?b#c", "duration_sec": 2, "options": {"wait_for": {"selector": "#ready"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "Launch" || *c.Width != 1280 || *c.Rate != "29.97" || c.Facecam != nil || c.Local() ||
		c.Scenes[0].Page.URL("") != "https://example.com/a?b#c" || string(c.Scenes[0].Options) != `{"wait_for":{"selector":"#ready"}}` {
		t.Errorf("%+v", c)
	}
	if c, err = Parse([]byte(`{"scenes": [{"url": "https://example.com", "duration_sec": 1}]}`)); err != nil || c.Name != Untitled {
		t.Errorf("without a name: %+v, %v", c, err)
	}
	for _, text := range []string{"", "[]", "null", `"x"`, "{}", `{"scenes": []}`, `{"scenes": [{"url": "https://example.com", "duration_sec": 1}], "other": 1}`} {
		if _, err := Parse([]byte(text)); !errors.As(err, new(*Error)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What the schema takes and the types do not would be a failure of ours, and no fault of whoever
// sends it.
func TestTheSchemaOfACampaignHasTheFieldsThatAreRead(t *testing.T) {
	all, err := SentSchemas()
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]any{SentCampaign: text{}, ChangedCampaign: text{}, "SceneInput": sceneText{}} {
		var fields []string
		for field := range reflect.TypeOf(read).Fields() {
			fields = append(fields, field.Tag.Get("json"))
		}
		described := all[name]["properties"].(map[string]map[string]any)
		if slices.Sort(fields); !slices.Equal(fields, slices.Sorted(maps.Keys(described))) {
			t.Errorf("%s describes %v, and %v are read", name, slices.Sorted(maps.Keys(described)), fields)
		}
	}
	document, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(document), "beside this one") {
		t.Error("a field says that it takes a file")
	}
}
