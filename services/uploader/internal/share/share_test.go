package share

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATemplateOfOnesOwnIsUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.html")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`<h1>{{.Title}}</h1><a href="{{.VideoURL}}">{{.Seconds}} s</a>`)
	p, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Make(Video{Title: "<b>", VideoURL: "javascript:alert(1)", Seconds: 2.5})
	if want := `<h1>&lt;b&gt;</h1><a href="#ZgotmplZ">2.5 s</a>`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	for text, want := range map[string]string{
		"{{.Title":                            "unclosed action",
		"{{.Name}}":                           "can't evaluate field Name",
		"{{if .Width}}{{.Colour}}{{end}}":     "can't evaluate field Colour",
		strings.Repeat(" ", maxTemplate+1):    "has more than",
		`<script>let a = "{{.Title}}</script`: "",
	} {
		write(text)
		if _, err := Load(path); want == "" && err == nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q is taken, or refused for another reason: %v", text, err)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.html")); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}
