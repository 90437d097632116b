package plan_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// personal is a campaign with a variable in each kind of place.
func personal(values string) plan.Campaign {
	return plan.Campaign{
		Variables: json.RawMessage(`{"first_name": {"default": "friend"}, "facecam": {"type": "url"}, "brand": {"type": "colour", "default": "#112233"},
			"seconds": {"type": "number", "default": 3}, "language": {"default": "en-US"}}`),
		Values:        json.RawMessage(values),
		FacecamURL:    ptr("{{facecam}}"),
		OutputOptions: json.RawMessage(`{"captions": {"text": "00:01.000 --> 00:02.000\nHi {{first_name|there}}!"}, "watermark": {"url": "https://example.com/logo/{{first_name}}.png"}}`),
		Scenes: []plan.Scene{
			{URL: ptr("https://example.com/hi/{{first_name}}?for={{first_name}}"), Seconds: ptr(1), Options: json.RawMessage(`{"duration_sec": "{{seconds}}",
				"locale": "{{language}}", "css": "h1::after { content: \"{{first_name}}\"; color: {{brand}} }", "js": "document.title = '{{first_name}}'",
				"headers": {"X-Name": "{{first_name}}"}, "viewport": {"width": 640, "height": 360, "background": "{{brand}}"},
				"actions": [{"do": "type", "selector": "#n", "text": "{{first_name}}"}]}`)},
			{URL: ptr("https://example.com/same"), Seconds: ptr(2)},
		},
		OutputWidth: ptr(640), OutputHeight: ptr(360), OutputFPS: ptr(30),
	}
}

func TestAVariableIsFilledInWhereverItMayStand(t *testing.T) {
	r, invalid := plan.Read(personal(`{"first_name": "Ad\"a <b>", "facecam": "https://example.com/f.mp4", "seconds": 4, "language": "de-DE"}`), limits)
	if invalid != nil {
		t.Fatal(invalid)
	}
	s := r.Scenes[0]
	if s.URL != "https://example.com/hi/Ad%22a%20%3Cb%3E?for=Ad%22a%20%3Cb%3E" || s.Shown != "https://example.com/hi/{{first_name}}?for={{first_name}}" ||
		s.Frames != 120 || s.Options.Locale != "de-DE" || s.Options.CSS != `h1::after { content: "Ad\22 a\20 \3c b\3e "; color: #112233 }` ||
		s.Options.JS != `document.title = 'Ad\u0022a\u0020\u003cb\u003e'` || s.Options.Actions[0].Text != `Ad"a <b>` || s.Options.Viewport.Background != "#112233" {
		t.Errorf("the scene is %+v", s)
	}
	if s.Options.Headers["X-Name"] != "{{first_name}}" {
		t.Errorf("a header is filled in: %v", s.Options.Headers)
	}
	if other := r.Scenes[1]; other.Shown != "" || other.URL != "https://example.com/same" {
		t.Errorf("the other scene is %+v", other)
	}
	if r.Facecam != "https://example.com/f.mp4" || r.Output.Watermark.URL != "https://example.com/logo/Ad%22a%20%3Cb%3E.png" ||
		r.Captions[0].Text != `Hi Ad"a <b>!` {
		t.Errorf("the rest is %+v", r)
	}
}

// Braces were texts before there were variables.
func TestACampaignWithoutVariablesIsTakenAsItIsWritten(t *testing.T) {
	for _, nothing := range []string{"", "null", "{}"} {
		c := plan.Campaign{Scenes: scenes(2), Variables: json.RawMessage(nothing), Values: json.RawMessage(nothing)}
		c.Scenes[0].Options = json.RawMessage(`{"css": "a{{b}}", "js": "f({{x}})"}`)
		r, invalid := plan.Read(c, limits)
		if invalid != nil || r.Scenes[0].Options.CSS != "a{{b}}" || r.Scenes[0].Options.JS != "f({{x}})" || r.Scenes[0].Shown != "" {
			t.Errorf("%+v, %v", r, invalid)
		}
	}
}

func TestWhatCannotBeFilledInIsRefusedAndNamed(t *testing.T) {
	const secret = "Hedwig-4711"
	for name, c := range map[string]struct {
		values string
		change func(*plan.Campaign)
		code   msg.Code
		text   string
	}{
		"a value that nobody declares": {`{"firstname": "` + secret + `"}`, nil, msg.CodeVariableUndeclared,
			"The variable firstname is not declared by the campaign. It declares brand, facecam, first_name, language, seconds."},
		"a missing one": {`{}`, nil, msg.CodeVariableMissing, "facecam_url: the variable facecam has no value, no default and nothing that stands in for it."},
		"a colour": {`{"facecam": "", "brand": "` + secret + `"}`, nil, msg.CodeVariableUnfit,
			"The variable brand is a colour, and its value is none. Example: #1a2b3c"},
		"a value that is a list": {`{"first_name": ["` + secret + `"]}`, nil, msg.CodeVariableUnfit,
			"The values of this render: variables.first_name: this is neither a text nor a number."},
		"a length": {`{"facecam": "", "seconds": "2.5"}`, nil, msg.CodeSceneDuration, "Scene 1: options.duration_sec is no whole number of seconds."},
		"a length that is too long": {`{"facecam": "", "seconds": "86400"}`, nil, msg.CodeSceneDuration,
			"Scene 1 has a duration of 86400 seconds. A scene must last between 1 second and 1 hour."},
		"a host": {`{"facecam": "", "first_name": "` + secret + `"}`, func(c *plan.Campaign) { c.Scenes[1].URL = ptr("https://{{first_name}}.example.com/") },
			msg.CodeVariableUnfit, "Scene 2, url: the variable first_name stands before the end of the host: an address is one variable of type url, " +
				"or has its variables behind the host. Example: https://example.com/hello?name={{first_name}}"},
		"a way out of a path": {`{"facecam": "", "first_name": ".."}`, nil, msg.CodeVariableUnfit,
			"Scene 1, url: the variable first_name has a value that would leave its place in the address's path."},
		"a locale": {`{"facecam": "", "language": "` + secret + `!"}`, nil, msg.CodeSceneOptions,
			"Scene 1: options.locale: this is no language that is known. Write a BCP 47 tag. Example: de-DE"},
		"a typo": {`{"facecam": "", "first_name": "` + secret + `"}`, func(c *plan.Campaign) { c.Scenes[1].Options = json.RawMessage(`{"css": "{{first name}}"}`) },
			msg.CodeVariables, "Scene 2, options.css: {{ is not followed by a variable's name and }}. Example: {{first_name|there}}"},
		"an undeclared one": {`{"facecam": ""}`, func(c *plan.Campaign) { c.OutputOptions = json.RawMessage(`{"captions": {"text": "{{nobody|x}}"}}`) },
			msg.CodeVariableUndeclared, "output_options.captions.text: the variable nobody is not declared by the campaign. It declares brand, facecam, first_name, language, seconds."},
		"a declaration": {`{}`, func(c *plan.Campaign) { c.Variables = json.RawMessage(`{"x": {"type": "date"}}`) }, msg.CodeVariables,
			"variables.x.type: this is none of text, url, colour, number. What its values are: text, url (an http or https URL), colour (#rrggbb) or number. Example: type: url"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := personal(c.values)
			if c.change != nil {
				c.change(&asked)
			}
			r, invalid := plan.Read(asked, limits)
			if invalid == nil {
				t.Fatalf("it is taken: %+v", r)
			}
			if invalid.Code != c.code || invalid.Message != c.text {
				t.Errorf("%s\ngot  %s\nwant %s %s", invalid.Code, invalid.Message, c.code, c.text)
			}
			if said := fmt.Sprint(invalid.Message, invalid.Problems); strings.Contains(said, secret) {
				t.Errorf("it says the value: %s", said)
			}
		})
	}
}

func TestALenientCampaignIsRenderedWithWarnings(t *testing.T) {
	c := plan.Campaign{Scenes: scenes(2), Variables: json.RawMessage(`{"strict": false}`), Values: json.RawMessage(`{"first_name": "Ada", "city": "London"}`)}
	c.Scenes[0].URL = ptr("https://example.com/{{first_name}}/{{country|nowhere}}")
	r, invalid := plan.Read(c, limits)
	if invalid != nil {
		t.Fatal(invalid)
	}
	var warned []string
	for _, w := range r.Warnings {
		warned = append(warned, string(w.Code)+" "+w.Message)
	}
	want := "variable_undeclared The variable city is not declared by the campaign. It was taken for a text.|" +
		"variable_undeclared The variable country is not declared by the campaign. It was taken for a text.|" +
		"variable_undeclared The variable first_name is not declared by the campaign. It was taken for a text."
	if got := strings.Join(warned, "|"); got != want || r.Scenes[0].URL != "https://example.com/Ada/nowhere" {
		t.Errorf("%s with %s", r.Scenes[0].URL, got)
	}
}

// A title card is a scene as others are, of no host.
func TestASceneMayHaveItsOwnHTML(t *testing.T) {
	c := plan.Campaign{Scenes: scenes(2, 3), Variables: json.RawMessage(`{"name": {}}`), Values: json.RawMessage(`{"name": "<Ada>"}`)}
	c.Scenes[0].URL, c.Scenes[0].Options = ptr(""), json.RawMessage(`{"html": "<h1 title=\"{{name}}\">{{name}}</h1>"}`)
	for _, task := range build(t, c) {
		if p, is := task.Params.(msg.RecordParams); is && p.Scene == 1 {
			if p.URL != msg.InlineURL || p.Options.HTML != `<h1 title="&lt;Ada&gt;">&lt;Ada&gt;</h1>` || task.Host != "" || p.Frames != 120 {
				t.Errorf("the recorder is asked for %+v, at %q", p, task.Host)
			}
		}
	}
	ada := recipes(t, c)
	c.Values = json.RawMessage(`{"name": "Bob"}`)
	if bob := recipes(t, c); ada["record 0"] == bob["record 0"] || ada["record 1"] != bob["record 1"] {
		t.Errorf("for another person: %v and %v", ada, bob)
	}
	c.Scenes[0].URL = ptr("https://example.com/")
	if _, invalid := plan.Read(c, limits); invalid == nil || invalid.Message != "Scene 1 has an address and html. Leave one of them out." {
		t.Errorf("with both: %v", invalid)
	}
}

func TestScenesHaveTheFallbackOfTheirCampaignUnlessTheyHaveTheirOwn(t *testing.T) {
	c := plan.Campaign{Scenes: scenes(2, 2), Variables: json.RawMessage(`{"name": {}}`), Values: json.RawMessage(`{"name": "Ada & Co"}`)}
	c.OutputOptions = json.RawMessage(`{"fallback": {"url": "https://example.com/other?for={{name}}"}}`)
	c.Scenes[1].Options = json.RawMessage(`{"fallback": {"html": "<p>{{name}}"}}`)
	r, invalid := plan.Read(c, limits)
	if invalid != nil {
		t.Fatal(invalid)
	}
	if a, b := *r.Scenes[0].Options.Fallback, *r.Scenes[1].Options.Fallback; a.URL != "https://example.com/other?for=Ada%20%26%20Co" || b.HTML != "<p>Ada &amp; Co" {
		t.Errorf("the fallbacks are %+v and %+v", a, b)
	}
	for options, want := range map[string]string{
		`{"fallback": {"url": "file:///etc/passwd"}}`:              "Scene 2: options.fallback.url: the address must start with http:// or https://.",
		`{"fallback": {"image": "https://a:b@example.com/x.png"}}`: "Scene 2: options.fallback.image: the address must not contain a user name or a password.",
		`{"html": "<p>", "image": {}}`:                             "Scene 2: options.image is for a picture at an address, and the scene has html.",
	} {
		c.Scenes[1].Options = json.RawMessage(options)
		if c.Scenes[1].URL = ptr("https://example.com/"); strings.Contains(options, `"html"`) {
			c.Scenes[1].URL = ptr("")
		}
		if _, invalid := plan.Read(c, limits); invalid == nil || invalid.Message != want {
			t.Errorf("%s: %v", options, invalid)
		}
	}
}

// recipes returns those of a campaign's tasks, by kind and place.
func recipes(t *testing.T, c plan.Campaign) map[string]string {
	t.Helper()
	r, invalid := plan.Read(c, limits)
	if invalid != nil {
		t.Fatal(invalid)
	}
	tasks := plan.Build(r, 0, counter())
	if err := r.Name(tasks, plan.Naming{Secret: []byte("s"), Owner: "o", Render: uuid.New()}); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, task := range tasks {
		found[fmt.Sprint(task.Kind, " ", task.Seq)] = task.Recipe
	}
	return found
}

func TestRecordingsAreSharedByWhatTheyAreFilledInWith(t *testing.T) {
	campaign := func(values string) plan.Campaign {
		c := plan.Campaign{Scenes: scenes(2, 2), Variables: json.RawMessage(`{"a": {}, "b": {"default": "same"}}`), Values: json.RawMessage(values)}
		c.Scenes[0].URL = ptr("https://example.com/{{a}}")
		c.Scenes[1].URL = ptr("https://example.com/{{b}}")
		return c
	}
	ada, again, bob := recipes(t, campaign(`{"a": "ada"}`)), recipes(t, campaign(`{"a": "ada", "b": "same"}`)), recipes(t, campaign(`{"a": "bob"}`))
	plain := plan.Campaign{Scenes: scenes(2, 2)}
	plain.Scenes[0].URL, plain.Scenes[1].URL = ptr("https://example.com/ada"), ptr("https://example.com/same")
	written := recipes(t, plain)
	for task := range ada {
		if ada[task] != again[task] || ada[task] != written[task] {
			t.Errorf("%s differs, and what it is made from does not", task)
		}
	}
	if ada["record 0"] == bob["record 0"] || ada["record 1"] != bob["record 1"] || ada["record 0"] == "" {
		t.Errorf("for another person: %v and %v", ada, bob)
	}
}
