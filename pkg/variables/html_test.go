package variables_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/loom-lite/loom-lite/pkg/variables"
)

func TestAPageIsFilledInByPlace(t *testing.T) {
	for page, want := range map[string]string{
		"<h1>Hi {{first_name|there}}</h1>":                                          "<h1>Hi A&lt;b&gt; &amp; &#34;c&#34;</h1>",
		`<img alt="{{first_name}}">`:                                                `<img alt="A&lt;b&gt; &amp; &#34;c&#34;">`,
		"<img alt={{first_name}}>":                                                  "<img alt=A&lt;b&gt;&#32;&amp;&#32;&#34;c&#34;>",
		`<a href="https://example.com/{{first_name}}">`:                             `<a href="https://example.com/A%3cb%3e%20&amp;%20%22c%22">`,
		`<a href="{{page}}">`:                                                       `<a href="https://example.org/">`,
		`<style>h1 { color: {{brand}}; width: {{seconds}}em }</style>`:              `<style>h1 { color: #0a0b0c; width: 4em }</style>`,
		`<p style="background: {{brand}}">{{seconds}}</p>`:                          `<p style="background: #0a0b0c">4</p>`,
		`<style>h1::after { content: "{{first_name}}" }</style>`:                    `<style>h1::after { content: "A\3c b\3e  \26  \22 c\22 " }</style>`,
		`<script>const n = {{first_name}}, s = {{seconds}}</script>`:                `<script>const n = "A\u003cb\u003e \u0026 \"c\"", s = 4</script>`,
		`<script>const n = "{{first_name}}"</script>`:                               `<script>const n = "A\u003cb\u003e \u0026 \u0022c\u0022"</script>`,
		"<script>`{{first_name}} ${ {{seconds}} }`</script>":                        "<script>`A\\u003cb\\u003e \\u0026 \\u0022c\\u0022 ${ 4 }`</script>",
		`<!-- as it is --><script>a = {b: {}}</script><p>without variables {} </p>`: `<!-- as it is --><script>a = {b: {}}</script><p>without variables {} </p>`,
	} {
		got, err := set(t, `{"first_name": "A<b> & \"c\"", "page": "https://example.org/"}`).HTML(page)
		if err != nil || got != want {
			t.Errorf("%s is\n%s (%v), want\n%s", page, got, err, want)
		}
	}
	for _, page := range []string{`<p {{first_name}}="x">`, `<a href="{{page}}`, "<p>\uf8f0{{first_name}}"} {
		if got, err := set(t, `{"first_name": "onload", "page": "https://example.org/"}`).HTML(page); err == nil && !strings.Contains(got, "ZgotmplZ") {
			t.Errorf("%s is %s", page, got)
		}
	}
}

// FuzzAPageKeepsItsElements reads what is filled in as a browser does.
func FuzzAPageKeepsItsElements(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.value)
	}
	f.Add("javascript:alert(1)")
	d := parse(f, `{"x": {}}`)
	const page = `<!doctype html><html><head><style>p::after{content:"{{x}}"}</style><script>var x = "{{x}}", y = {{x}}</script></head>` +
		`<body><p title="{{x}}">{{x}}</p><a href="{{x}}">a</a><img alt='{{x}}' src="/i?q={{x}}"></body></html>`
	shape := func(text string) (tags []string, said, title string) {
		root, err := html.Parse(strings.NewReader(text))
		if err != nil {
			f.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type == html.ElementNode {
				tags = append(tags, n.Data)
				for _, a := range n.Attr {
					tags = append(tags, n.Data+" "+a.Key)
					if a.Key == "title" {
						title = a.Val
					}
					if a.Key == "href" && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
						tags = append(tags, "a script's address")
					}
				}
			}
			if n.Type == html.TextNode && n.Parent.Data == "p" {
				said += n.Data
			}
		}
		return tags, said, title
	}
	want, _, _ := shape(strings.ReplaceAll(page, "{{x}}", "x"))
	f.Fuzz(func(t *testing.T, value string) {
		s, problems := d.Resolve(variables.Values{"x": variables.Value(value)})
		if len(problems) > 0 {
			return
		}
		got, err := s.HTML(page)
		if err != nil {
			t.Fatal(err)
		}
		tags, said, title := shape(got)
		lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(value)
		if strings.Join(tags, ",") != strings.Join(want, ",") || said != lines || title != lines {
			t.Errorf("%q makes %s: %v, %q, %q", value, got, tags, said, title)
		}
	})
}
