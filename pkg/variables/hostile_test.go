package variables_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/variables"
)

// hostile are values that try to be more than a text, and what is made of them in
// https://example.com/a/PATH?q=QUERY, in a style sheet, a script and a caption.
var hostile = []struct {
	value, address, css, script, caption string
}{
	{"Ada", "Ada", "Ada", "Ada", "Ada"},
	{"Zoë", "Zo%C3%AB", "Zoë", `Zo\u00eb`, "Zoë"},
	{"../../admin", "..%2F..%2Fadmin", `\2e \2e \2f \2e \2e \2f admin`, `\u002e\u002e\u002f\u002e\u002e\u002fadmin`, "../../admin"},
	{"@evil.example", "%40evil.example", `\40 evil\2e example`, `\u0040evil\u002eexample`, "@evil.example"},
	{`\evil.example`, "%5Cevil.example", `\5c evil\2e example`, `\u005cevil\u002eexample`, `\evil.example`},
	{"//evil.example/", "%2F%2Fevil.example%2F", `\2f \2f evil\2e example\2f `, `\u002f\u002fevil\u002eexample\u002f`, "//evil.example/"},
	{"a\tb\nc", "a%09b%0Ac", `a\9 b\a c`, `a\u0009b\u000ac`, "a b c"},
	{"?admin=1&q=2#top", "%3Fadmin%3D1%26q%3D2%23top", `\3f admin\3d 1\26 q\3d 2\23 top`, `\u003fadmin\u003d1\u0026q\u003d2\u0023top`, "?admin=1&amp;q=2#top"},
	{"%2e%2e%2f", "%252e%252e%252f", `\25 2e\25 2e\25 2f`, `\u00252e\u00252e\u00252f`, "%2e%2e%2f"},
	{"evil。example", "evil%E3%80%82example", "evil。example", `evil\u3002example`, "evil。example"},
	{`"; alert(1) //`, "%22%3B%20alert%281%29%20%2F%2F", `\22 \3b \20 alert\28 1\29 \20 \2f \2f `, `\u0022\u003b\u0020alert\u00281\u0029\u0020\u002f\u002f`, `"; alert(1) //`},
	{"red; } * { display: none", "red%3B%20%7D%20%2A%20%7B%20display%3A%20none", `red\3b \20 \7d \20 \2a \20 \7b \20 display\3a \20 none`,
		`red\u003b\u0020\u007d\u0020\u002a\u0020\u007b\u0020display\u003a\u0020none`, "red; &#125; * &#123; display: none"},
	{"</style><script>", "%3C%2Fstyle%3E%3Cscript%3E", `\3c \2f style\3e \3c script\3e `, `\u003c\u002fstyle\u003e\u003cscript\u003e`, "&lt;/style&gt;&lt;script&gt;"},
	{"a\n\n00:01 --> 00:09\nb", "a%0A%0A00%3A01%20--%3E%2000%3A09%0Ab", `a\a \a 00\3a 01\20 --\3e \20 00\3a 09\a b`,
		`a\u000a\u000a00\u003a01\u0020\u002d\u002d\u003e\u002000\u003a09\u000ab`, "a  00:01 --&gt; 00:09 b"},
	{`{\an8}{{company}}`, "%7B%5Can8%7D%7B%7Bcompany%7D%7D", `\7b \5c an8\7d \7b \7b company\7d \7d `,
		`\u007b\u005can8\u007d\u007b\u007bcompany\u007d\u007d`, `&#123;\an8&#125;&#123;&#123;company&#125;&#125;`},
}

func TestHostileValuesStayTexts(t *testing.T) {
	for _, h := range hostile {
		s, problems := parse(t, `{"x": {}, "company": {}}`).Resolve(variables.Values{"x": variables.Value(h.value), "company": "ACME"})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		address, _, err := s.Address("https://example.com/a/{{x}}?q={{x}}")
		if want := "https://example.com/a/" + h.address + "?q=" + h.address; err != nil || address != want {
			t.Errorf("%q in an address: %s, %v, want %s", h.value, address, err, want)
		}
		for place, c := range map[string]struct {
			fill func(string) (string, error)
			want string
		}{"CSS": {s.CSS, h.css}, "a script": {s.Script, h.script}, "a caption": {s.Caption, h.caption}, "a text": {s.Text, h.value}} {
			if got, err := c.fill("{{x}}"); err != nil || got != c.want {
				t.Errorf("%q in %s: %s, %v, want %s", h.value, place, got, err, c.want)
			}
		}
	}
	for _, value := range []variables.Value{".", ".."} {
		s, _ := parse(t, `{"x": {}}`).Resolve(variables.Values{"x": value})
		for template, refused := range map[string]bool{
			"https://example.com/a/{{x}}/b": true, "https://example.com/a/{{x}}": true, "https://example.com/{{x}}?q": true,
			`https://example.com/a\{{x}}`: true, "https://example.com/a/{{x}}b": false, "https://example.com/a?q={{x}}": false, "https://example.com/a#/{{x}}": false,
		} {
			if got, _, err := s.Address(template); (err != nil) != refused {
				t.Errorf("%q in %s: %s, %v", value, template, got, err)
			}
		}
	}
	for _, template := range []string{"https://example.com/.{{x}}/", "https://example.com/%2E{{x}}/", "https://example.com/{{x}}%2e#"} {
		s, _ := parse(t, `{"x": {}}`).Resolve(variables.Values{"x": "."})
		if got, _, err := s.Address(template); err == nil {
			t.Errorf("%s is %s", template, got)
		}
	}
}

var update = flag.Bool("update", false, "rewrite the table of hostile values in the documentation")

const page = "../../docs/reference/variables.md"

// The table in the docs is the table of the test.
func TestTheDocsShowHostileValues(t *testing.T) {
	const begin, end = "<!-- hostile values: go test ./variables -update -->\n", "<!-- /hostile values -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	var table strings.Builder
	table.WriteString("| value | in an address | in CSS | in a script | in a caption |\n|---|---|---|---|---|\n")
	cell := func(text string) string {
		text = strings.NewReplacer("\n", "↵", "\t", "⇥", "|", `\|`).Replace(text)
		return "`` " + text + " ``"
	}
	for _, h := range hostile {
		_, _ = fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", cell(h.value), cell(h.address), cell(h.css), cell(h.script), cell(h.caption))
	}
	want := before + begin + table.String() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s does not show the table of the tests: cd pkg && go test ./variables -update", page)
	}
}
