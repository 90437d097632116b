package campaign

import (
	"strings"
	"testing"
)

const personal = `variables:
  first_name: {example: Ada, default: there}
  page: {type: url, required: true}
  brand: {type: colour, default: '#112233'}
  seconds: {type: number, default: 4}
facecam_url: "{{page}}"
output_options:
  captions: {text: "00:00.000 --> 00:01.000\nHi {{first_name}}"}
  watermark: {url: "https://example.com/{{first_name}}.png"}
scenes:
  - {url: "{{page}}", duration_sec: 2}
  - {url: "page.html?name={{first_name}}", duration_sec: "{{seconds}}", options: {viewport: {width: 640, height: 360, background: "{{brand}}"}}}
`

func TestACampaignFileDeclaresVariablesAndUsesThem(t *testing.T) {
	c, err := load(t, folder(t), personal)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Scenes[0].Page.URL("http://h/p/"); got != "{{page}}" || c.Scenes[0].Page.Local() {
		t.Errorf("the first page is %s", got)
	}
	if got := c.Scenes[1].Page.URL("http://h/p/"); got != "http://h/p/page.html?name={{first_name}}" {
		t.Errorf("the second page is %s", got)
	}
	if s := c.Scenes[1]; s.Duration != 4 || !strings.Contains(string(s.Options), `"duration_sec":"{{seconds}}"`) {
		t.Errorf("the second scene is %+v", s)
	}
	if !strings.Contains(string(c.Variables), `"required":true`) || c.Facecam.URL("") != "{{page}}" {
		t.Errorf("%s, %v", c.Variables, c.Facecam)
	}
}

func TestWhatIsWrongWithVariablesIsToldByLine(t *testing.T) {
	for change, want := range map[[2]string]string{
		{"type: colour, default: '#112233'", "type: colour, default: red"}:  ":4: variables.brand.default: it is a colour",
		{"{{seconds}}", "{{second}}"}:                                       ":12: scenes[1].duration_sec: the variable second is not declared by the campaign",
		{"Hi {{first_name}}", "Hi {{first name}}"}:                          ":8: output_options.captions.text: {{ is not followed by",
		{`"{{page}}", duration_sec`, `"{{first_name}}", duration_sec`}:      ":11: scenes[0].url: the variable first_name is of type text",
		{"https://example.com/{{", "https://{{"}:                            ":9: output_options.watermark.url: the variable first_name stands before the end of the host",
		{"seconds: {type: number, default: 4}", "seconds: {default: ages}"}: ":12: scenes[1].duration_sec: this is a text, not a whole number",
		{"page.html?name=", "{{page}}?name="}:                               ":12: scenes[1].url: the variable page stands before the end of the host",
		{"page.html?name=", "{{"}:                                           ":12: scenes[1].url: {{ is not followed by",
	} {
		_, err := load(t, folder(t), strings.Replace(personal, change[0], change[1], 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want …%s…", change[1], err, want)
		}
	}
}

func TestATitleCardIsAFewLinesOfAFile(t *testing.T) {
	c, err := load(t, folder(t), `variables: {first_name: {default: there}}
scenes:
  - duration_sec: 2
    html: |
      <style>body { background: #1a2b3c; color: white }</style>
      <h1>Hello, {{first_name}}</h1>
  - {url: page.html, duration_sec: 1}
`)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Scenes[0]; s.Page.Local() || s.Page.URL("http://h/p/") != "" || !strings.Contains(string(s.Options), "<h1>Hello, {{first_name}}</h1>") &&
		!strings.Contains(string(s.Options), `Hello, {{first_name}}`) {
		t.Errorf("the card is %+v, %s", s, s.Options)
	}
	for written, want := range map[string]string{
		"scenes: [{html: x, url: page.html, duration_sec: 1}]":                     ": scenes[0].url: there is html, too",
		"scenes: [{duration_sec: 1}]":                                              ": scenes[0]: url is missing",
		"scenes: [{html: '', duration_sec: 1}]":                                    ": scenes[0].html: the text is empty",
		"variables: {x: {}}\nscenes: [{html: '<a href=\"{{x}}', duration_sec: 1}]": ": scenes[0].html: the variable x stands where it cannot be written safely",
		"scenes: [{url: page.html, options: {html: '<p>'}, duration_sec: 1}]":      ": scenes[0].url: there is html, too",
	} {
		if _, err := load(t, folder(t), written); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", written, err, want)
		}
	}
}
