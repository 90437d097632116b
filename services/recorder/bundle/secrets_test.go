package bundle

import (
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

func options(o scene.Options) msg.RecordParams {
	return msg.RecordParams{URL: "https://example.com/page?theme=dark&key=abcdef123456#section-9876", Options: o}
}

func TestSecretsAreTakenOut(t *testing.T) {
	s := newScrubber(options(scene.Options{
		Headers:   map[string]string{"Authorization": "Bearer abc.def.ghi", "X-Flag": "1"},
		Cookies:   []scene.Cookie{{Name: "s", Value: "a b&c"}, {Name: "t", Value: "xyz"}, {Name: "empty"}},
		BasicAuth: &scene.BasicAuth{Username: "user", Password: `pa"ss`},
		Actions:   []scene.Action{{Do: "type", Text: "longer-than"}, {Do: "type", Text: "longer-than-that"}, {Do: "wait"}},
	}))
	for text, want := range map[string]string{
		"nothing to hide":                          "nothing to hide",
		"Authorization: Bearer abc.def.ghi":        "Authorization: [secret]",
		"token abc.def.ghi, twice abc.def.ghi":     "token [secret], twice [secret]",
		"s=a b&c s=a+b%26c s=a%20b&c":              "s=[secret] s=[secret] s=[secret]",
		"short xyz, but xyzzy; flag 1 of 10":       "short [secret], but xyzzy; flag [secret] of 10",
		`{"user":"user","password":"pa\"ss"}`:      `{"[secret]":"[secret]","password":"[secret]"}`,
		"Basic dXNlcjpwYSJzcw==":                   "Basic [secret]==",
		"typed longer-than-that":                   "typed [secret]",
		"the key is abcdef123456, at section-9876": "the key is [secret], at [secret]",
		"theme dark": "theme dark",
		"GET https://u:p@example.com/a?b=c#d: 404":      "GET https://example.com/a?… 404",
		"see https://example.com/#access_token=zzz now": "see https://example.com/?… now",
		"GET /api?session=zzz&x=y 404":                  "GET /api?… 404",
		"why? a = b":                                    "why? a = b",
		"url(data:image/png;base64,AAAA) and more":      "url(data:image/png,…) and more",
		"red \x1b[31mtext\x00\nnext line":               "red [31mtext\n\tnext line",
	} {
		if got := s.text(text, maxLine); got != want {
			t.Errorf("%q\n became %q\n   want %q", text, got, want)
		}
	}
	for address, want := range map[string]string{
		"https://example.com/a/abc.def.ghi?x=1#y": "https://example.com/a/[secret]",
		"https://u:p@example.com/":                "https://example.com/",
		"data:text/html;base64,QUJD":              "data:text/html,…",
		"blob:https://example.com/5-6-7":          "blob:https://example.com/5-6-7",
	} {
		if got := s.clean(s.trimURL(address), maxURL); got != want {
			t.Errorf("%q became %q, want %q", address, got, want)
		}
	}
}

// Wherever a text is cut, no beginning of a secret is left.
func FuzzNoPartOfASecretIsLeftWhereTextsAreCut(f *testing.F) {
	const secret = "qqqqwwwweeeerrrr"
	f.Add("before ", 990, 3)
	f.Add("", 0, 100)
	f.Add("é\n", 500, 1)
	f.Fuzz(func(t *testing.T, before string, padding, times int) {
		if strings.Contains(before, "q") {
			return // ours are the only ones
		}
		text := before + strings.Repeat("x", min(max(padding, 0), 3000)) + strings.Repeat(secret, min(max(times, 0), 300))
		s := newScrubber(options(scene.Options{Cookies: []scene.Cookie{{Name: "s", Value: secret}}}))
		got := s.text(text, maxLine)
		if strings.Contains(got, "q") || len(got) > maxLine+len("…") {
			t.Errorf("%d bytes became %d: %q", len(text), len(got), got)
		}
	})
}
