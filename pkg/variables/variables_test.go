package variables_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/schema"
	"github.com/loom-lite/loom-lite/pkg/variables"
)

const declared = `{
	"first_name": {"default": "friend", "example": "Ada"},
	"company":    {"type": "text", "required": true},
	"page":       {"type": "url"},
	"brand":      {"type": "colour", "default": "#0a0B0c"},
	"seconds":    {"type": "number", "default": 4},
	"note":       {}
}`

func parse(t testing.TB, text string) variables.Declaration {
	t.Helper()
	d, err := variables.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// set returns values of a campaign that declares the above.
func set(t testing.TB, text string) *variables.Set {
	t.Helper()
	values, err := variables.ParseValues([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, there := values["company"]; !there {
		values["company"] = "ACME"
	}
	s, problems := parse(t, declared).Resolve(values)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return s
}

func TestADeclarationIsReadAndWritten(t *testing.T) {
	d := parse(t, declared)
	if got := strings.Join(d.Names(), " "); got != "brand company first_name note page seconds" || d.Lenient {
		t.Errorf("it declares %s, lenient %v", got, d.Lenient)
	}
	if v := d.Variables["seconds"]; v.Kind() != variables.Number || *v.Default != "4" || d.Variables["note"].Kind() != variables.Text {
		t.Errorf("seconds is %v", v)
	}
	d.Lenient = true
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if again := parse(t, string(text)); !again.Lenient || len(again.Variables) != len(d.Variables) || *again.Variables["seconds"].Default != "4" {
		t.Errorf("%s is read as %v", text, again)
	}
	for _, nothing := range []string{"", "null", "{}", " {} "} {
		if d := parse(t, nothing); len(d.Variables) > 0 || d.Lenient {
			t.Errorf("%q declares %v", nothing, d)
		}
	}
}

func TestWhatIsWrongWithADeclarationIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		`{"first name": {}}`: "variables", `{"x": {"type": "date"}}`: "variables.x.type: this is none of text, url, colour, number",
		`{"x": {"type": "url", "default": "there"}}`:    "variables.x.default: it is a URL, and its value is no http or https URL",
		`{"x": {"type": "colour", "example": "red"}}`:   "variables.x.example: it is a colour",
		`{"x": {"type": "number", "default": "four"}}`:  "variables.x.default: it is a number",
		`{"x": {"required": true, "default": "there"}}`: "variables.x.default: each render must bring a value",
		`{"x": {"requird": true}}`:                      "did you mean required",
		`{"x": "text"}`:                                 "variables.x: this is a text, not a group of fields",
		`{"strict": "no"}`:                              "variables.strict: this is a text",
		`[]`:                                            "variables: this is a list",
	} {
		_, err := variables.Parse([]byte(text))
		var wrong *schema.Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestValuesAreOfTheirVariablesType(t *testing.T) {
	for values, want := range map[string]string{
		`{"company": "x", "brand": "#FFf"}`:                        "the variable brand is a colour, and its value is none. Example: #1a2b3c",
		`{"company": "x", "brand": "red;}"}`:                       "the variable brand is a colour",
		`{"company": "x", "seconds": "1e400"}`:                     "the variable seconds is a number",
		`{"company": "x", "seconds": "0x10"}`:                      "the variable seconds is a number",
		`{"company": "x", "seconds": ""}`:                          "the variable seconds is a number",
		`{"company": "x", "page": "javascript:alert(1)"}`:          "the variable page is a URL",
		`{"company": "x", "page": "https://a:b@example.com"}`:      "the variable page is a URL, and its value has a user name",
		`{"company": "x", "page": "https://example.com\\@evil"}`:   "the variable page is a URL, and its value has a space",
		`{"company": "x", "page": "https://exa\tmple.com"}`:        "the variable page is a URL, and its value has a space",
		`{"company": "x", "first_name": "a\u0000b"}`:               "the variable first_name has a value with control characters",
		`{"company": "x", "firstname": "Ada"}`:                     "the variable firstname is not declared by the campaign. It declares brand, company, first_name, note, page, seconds",
		`{}`:                                                       "the variable company has no value, and each render must bring one",
		`{"company": null}`:                                        "the variable company has no value",
		`{"company": "` + strings.Repeat("x", 2049) + `"}`:         "the variable company has a value of 2049 bytes",
		`{"company": "x", "page": "https://example.com/\u2028x "}`: "",
	} {
		given, err := variables.ParseValues([]byte(values))
		if err != nil {
			t.Fatal(err)
		}
		_, problems := parse(t, declared).Resolve(given)
		switch {
		case want == "" && len(problems) > 0, want != "" && (len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), want)):
			t.Errorf("%s: %v, want %s", values, problems, want)
		}
	}
	for _, values := range []string{`{"x": true}`, `{"x": ["Ada"]}`, `[]`, `"Ada"`, `{"x": {}}`} {
		if _, err := variables.ParseValues([]byte(values)); err == nil || strings.Contains(err.Error(), "Ada\"]") {
			t.Errorf("%s: %v", values, err)
		}
	}
}

func TestAValueComesBeforeWhatStandsInAndThatBeforeTheDefault(t *testing.T) {
	for template, want := range map[string]string{
		"Hi {{first_name}}!": "Hi Ada!", "Hi {{first_name|there}}!": "Hi Ada!", "{{ first_name }}": "Ada", "{{ first_name | there }}": "Ada",
		"{{seconds}}": "4", "{{seconds|5}}": "5", "{{note|none at all}}": "none at all", "{{note|}}": "", "{{brand}}": "#0a0b0c",
		"{{company}} {{company}}": " ", // empty is not missing
		"no variable":             "no variable", "{ {x} }": "{ {x} }", "}}": "}}",
	} {
		got, err := set(t, `{"first_name": "Ada", "company": ""}`).Text(template)
		if err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", template, got, err, want)
		}
	}
}

func TestWhatCannotBeFilledInIsNamed(t *testing.T) {
	for template, want := range map[string]variables.Problem{
		"{{note}}":        {Why: variables.Missing, Variable: "note"},
		"{{nobody}}":      {Why: variables.Undeclared, Variable: "nobody"},
		"{{nobody|some}}": {Why: variables.Undeclared, Variable: "nobody"},
		"{{seconds|few}}": {Why: variables.Unfit, Variable: "seconds"},
		"{{first name}}":  {Why: variables.Malformed},
		"{{first_name":    {Why: variables.Malformed},
		"{{a|b{c}}":       {Why: variables.Malformed},
		"{{}}":            {Why: variables.Malformed},
	} {
		_, err := set(t, `{"first_name": "Ada"}`).Text(template)
		var got variables.Problem
		if !errors.As(err, &got) || got.Why != want.Why || got.Variable != want.Variable {
			t.Errorf("%s: %v, want %v", template, err, want)
		}
	}
	// Code may have such braces.
	if got, err := set(t, `{}`).Script("if(a){{b()}} f({{}}) `${{{seconds}}}`"); err != nil || got != "if(a){{b()}} f({{}}) `${4}`" {
		t.Errorf("the script is %s, %v", got, err)
	}
}

func TestALenientCampaignTakesWhatItDoesNotDeclare(t *testing.T) {
	d := parse(t, `{"strict": false, "first_name": {}}`)
	s, problems := d.Resolve(variables.Values{"first_name": "Ada", "city": "London", "plan": "pro"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got, err := s.Text("{{first_name}} of {{city}}, {{country|somewhere}}")
	if err != nil || got != "Ada of London, somewhere" {
		t.Errorf("%q, %v", got, err)
	}
	if got := strings.Join(s.Undeclared(), " "); got != "city country plan" {
		t.Errorf("undeclared are %s", got)
	}
	if _, err := s.Text("{{street}}"); err == nil || err.Error() != "the variable street has no value, no default and nothing that stands in for it" {
		t.Errorf("what is missing: %v", err)
	}
}

func TestNoErrorHoldsAValue(t *testing.T) {
	const secret = "Hedwig-4711"
	d := parse(t, `{"a": {"type": "url"}, "b": {"type": "colour"}, "c": {"type": "number"}, "d": {}}`)
	_, problems := d.Resolve(variables.Values{"a": secret, "b": secret, "c": secret, "d": secret + "\x00", "e": secret})
	if len(problems) != 5 {
		t.Errorf("%d problems", len(problems))
	}
	for _, p := range problems {
		if strings.Contains(p.Error(), secret) {
			t.Error(p)
		}
	}
	s, _ := d.Resolve(variables.Values{"d": secret})
	for _, template := range []string{"{{d}}", "https://{{d}}/", "%{{d}}"} {
		if _, _, err := s.Address(template); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", template, err)
		}
	}
}

func TestAnAddressIsFilledInBehindItsHost(t *testing.T) {
	values := `{"first_name": "Zoë & Co", "page": "https://example.org/x?y=1#z"}`
	for template, want := range map[string][2]string{
		"https://example.com/plain":                         {"https://example.com/plain", ""},
		" https://example.com/hi/{{first_name}}/x ":         {"https://example.com/hi/Zo%C3%AB%20%26%20Co/x", "https://example.com/hi/{{first_name}}/x"},
		"https://example.com?n={{ first_name }}&p={{page}}": {"https://example.com?n=Zo%C3%AB%20%26%20Co&p=https%3A%2F%2Fexample.org%2Fx%3Fy%3D1%23z", "https://example.com?n={{first_name}}&p={{page}}"},
		"https://example.com:8443/#{{first_name}}":          {"https://example.com:8443/#Zo%C3%AB%20%26%20Co", "https://example.com:8443/#{{first_name}}"},
		"{{page}}":                                            {"https://example.org/x?y=1#z", "{{page}}"},
		" {{ page | https://example.com/ }} ":                 {"https://example.org/x?y=1#z", "{{page}}"},
		"HTTPS://Example.com/{{note|50%, really}}":            {"HTTPS://Example.com/50%25%2C%20really", "HTTPS://Example.com/{{note}}"},
		"https://example.com/.../{{seconds}}..{{first_name}}": {"https://example.com/.../4..Zo%C3%AB%20%26%20Co", "https://example.com/.../{{seconds}}..{{first_name}}"},
	} {
		got, shown, err := set(t, values).Address(template)
		if err != nil || got != want[0] || shown != want[1] {
			t.Errorf("%s is %s, shown as %q (%v), want %q", template, got, shown, err, want)
		}
	}
}

func TestAnAddressesHostIsNotAVariables(t *testing.T) {
	for template, want := range map[string]string{
		"https://{{first_name}}.example.com/": "first_name stands before the end of the host", "https://example.com{{first_name}}": "first_name stands before",
		"{{first_name}}://example.com/": "first_name stands before", "{{page}}?x=1": "page stands before", "{{page}}{{page}}": "page stands before",
		"//example.com/{{first_name}}": "first_name stands before", "https://u:{{first_name}}@example.com/": "first_name stands before",
		"https://u@example.com/{{first_name}}": "first_name stands before", "https://example.com:{{seconds}}/": "seconds stands before",
		"https://example.com\\{{first_name}}": "first_name stands before", "file:///{{first_name}}": "first_name stands before",
		"{{first_name}}": "first_name is of type text: only one of type url", "{{brand}}": "brand is of type colour",
		"https://example.com/%{{first_name}}": "first_name stands behind a percent sign", "https://example.com/%2{{first_name}}": "first_name stands behind a percent sign",
		"https://example.com/a\t{{first_name}}": "first_name cannot stand in this address",
	} {
		if got, _, err := set(t, `{"first_name": "Ada", "page": "https://example.org/"}`).Address(template); err == nil || !strings.Contains(err.Error(), "the variable "+want) {
			t.Errorf("%s is %q, %v, want %s", template, got, err, want)
		}
	}
}

// FuzzAnAddressKeepsItsHost tries values in every part of an address.
func FuzzAnAddressKeepsItsHost(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.value)
	}
	d := parse(f, `{"x": {}}`)
	f.Fuzz(func(t *testing.T, value string) {
		s, problems := d.Resolve(variables.Values{"x": variables.Value(value)})
		if len(problems) > 0 {
			return
		}
		got, _, err := s.Address("https://example.com/a/{{x}}/b{{x}}?q={{x}}&r=1#f{{x}}")
		if err != nil {
			if value == "." || value == ".." {
				return
			}
			t.Fatal(err)
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		if u.Scheme != "https" || u.Host != "example.com" || u.User != nil || u.Path != "/a/"+value+"/b"+value ||
			u.Query().Get("q") != value || u.Query().Get("r") != "1" || len(u.Query()) != 2 || u.Fragment != "f"+value {
			t.Errorf("%q makes %s", value, got)
		}
		if strings.Count(got, "/") != 5 || strings.Count(got, "?") != 1 || strings.Count(got, "#") != 1 || strings.ContainsAny(got, "\\\t\n\r ") {
			t.Errorf("%q makes %s", value, got)
		}
	})
}

// FuzzWhatIsWrittenInAScriptIsTheValue reads what is filled in as JSON, which is JavaScript.
func FuzzWhatIsWrittenInAScriptIsTheValue(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.value)
	}
	d := parse(f, `{"x": {}}`)
	f.Fuzz(func(t *testing.T, value string) {
		s, problems := d.Resolve(variables.Values{"x": variables.Value(value)})
		if len(problems) > 0 {
			return
		}
		text, err := s.Script(`"{{x}}"`)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != value {
			t.Errorf("%q is written %s and read as %q, %v", value, text, got, err)
		}
		css, err := s.CSS(`{{x}}`)
		if err != nil || strings.ContainsAny(strings.ReplaceAll(css, "\\", ""), "\"'();{}<>/*@!:,.#&\n\t") {
			t.Errorf("%q is written %s in CSS, %v", value, css, err)
		}
		caption, err := s.Caption(`{{x}}`)
		if err != nil || strings.ContainsAny(caption, "<>{}\r\n\t") {
			t.Errorf("%q is written %s in captions, %v", value, caption, err)
		}
	})
}

// FuzzTemplatesAreReadOrRefused shows that no template makes it panic or loop.
func FuzzTemplatesAreReadOrRefused(f *testing.F) {
	for _, text := range []string{"", "{{", "{{{{x}}}}", "{{x|}}", "{{x|{{x}}}}", "a{{x}}b{{", "{{\nx}}"} {
		f.Add(text)
	}
	d := parse(f, `{"x": {"default": "1"}}`)
	f.Fuzz(func(t *testing.T, template string) {
		s, _ := d.Resolve(nil)
		text, err := s.Text(template)
		if err == nil && !variables.In(template) && text != template {
			t.Errorf("%q is %q", template, text)
		}
		for _, fill := range []func(string) (string, error){s.CSS, s.Script, s.Caption} {
			_, _ = fill(template)
		}
		if address, _, err := s.Address("https://example.com/" + template); err == nil && !strings.HasPrefix(address, "https://example.com/") {
			t.Errorf("%q is %q", template, address)
		}
	})
}

func FuzzDeclarations(f *testing.F) {
	f.Add(declared)
	f.Add(`{"strict": false}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := variables.Parse([]byte(text))
		if err != nil {
			return
		}
		written, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := variables.Parse(written); err != nil {
			t.Errorf("%s is written as %s: %v", text, written, err)
		}
		for _, name := range d.Names() {
			if _, err := d.Sample().Text("{{" + name + "}}"); err != nil {
				t.Errorf("the sample of %s: %v", name, err)
			}
		}
	})
}
