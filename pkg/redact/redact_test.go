package redact_test

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/redact"
)

func TestWhatGivesAccessIsTakenOut(t *testing.T) {
	for name, c := range map[string]struct {
		redact func(string) string
		texts  map[string]string
	}{
		"Text": {redact.Text, map[string]string{
			"open https://s3/b/k?X-Amz-Signature=abc&X-Amz-Date=1: 403": "open https://s3/b/k?… 403",
			`Get "http://host/p?token=1": EOF`:                          `Get "http://host/p?…": EOF`,
			"dial postgres://user:secret@host/db failed":                "dial postgres://host/db failed",
			"dial nats://user:sec@ret@host:4222 failed":                 "dial nats://host:4222 failed",
			"query X-Amz-Signature=abc&x-amz-credential=def rest":       "query X-Amz-Signature=…&x-amz-credential=… rest",
			"https://page.example/a/b#top answered 404":                 "https://page.example/a/b#top answered 404",
			"frame 3? of 7": "frame 3? of 7",
		}},
		"Signatures": {redact.Signatures, map[string]string{
			"https://page.example/?id=7 answered 404":  "https://page.example/?id=7 answered 404",
			"https://s3/b/k?X-Amz-Signature=abc&id=7":  "https://s3/b/k?X-Amz-Signature=…&id=7",
			"next=https%3A%2F%2Fs3%3FX-Amz-Date%3D123": "next=https%3A%2F%2Fs3%3FX-Amz-Date=…",
		}},
		"Foreign": {redact.Foreign, map[string]string{
			"GET https://u:p@example.com/a?b=c#d: 404":      "GET https://example.com/a?… 404",
			"see https://example.com/#access_token=zzz now": "see https://example.com/?… now",
			"GET /api?session=zzz&x=y 404":                  "GET /api?… 404",
			"why? a = b":                                    "why? a = b",
			"url(data:image/png;base64,AAAA) and more":      "url(data:image/png,…) and more",
			"ws://h/socket?key=1":                           "ws://h/socket?…",
		}},
		"URLs": {redact.URLs, map[string]string{
			"at https://u:p@example.com/?key=secret, line 3": "at URL line 3",
			"no URL here": "no URL here",
		}},
		"URL": {redact.URL, map[string]string{
			"https://user:pass@example.com:8443/a%20b?q=secret#f": "https://example.com:8443/a%20b",
			"http://example.com":          "http://example.com",
			"http://example.com/a%2Fb":    "http://example.com/a%2Fb",
			"no url at all":               "",
			"http://exa mple.com/?secret": "",
			"mailto:someone@example.com":  "",
		}},
	} {
		for text, want := range c.texts {
			if got := c.redact(text); got != want {
				t.Errorf("%s(%q)\n got %q\nwant %q", name, text, got, want)
			}
		}
	}
}

func TestAnErrorLosesItsURLAndKeepsItsCause(t *testing.T) {
	inner := &url.Error{Op: "Get", URL: "https://host/?secret", Err: io.ErrUnexpectedEOF}
	for _, err := range []error{inner, fmt.Errorf("try: %w", inner), &url.Error{Op: "Get", URL: "secret", Err: inner}} {
		got := redact.Error(err)
		if strings.Contains(got.Error(), "secret") || !errors.Is(got, io.ErrUnexpectedEOF) {
			t.Errorf("%q became %q", err, got)
		}
	}
	if got := redact.Error(io.EOF); !errors.Is(got, io.EOF) {
		t.Errorf("%v became %v", io.EOF, got)
	}
	if got := redact.Error(nil); got != nil {
		t.Errorf("nil became %v", got)
	}
}

// Wherever a URL stands in a text, neither its password nor its query is left, and a second pass
// changes nothing.
func FuzzNoSecretOfAURLIsLeft(f *testing.F) {
	const secret = "qqqqwwwweeeerrrr"
	f.Add("open ", "", ": 403")
	f.Add(`Get "`, "p@ss", `": EOF`)
	f.Add("a://b@", ":", "@c")
	f.Add("https://h?", "?", "&X-Amz-Date=1")
	f.Fuzz(func(t *testing.T, before, password, after string) {
		if strings.Contains(before+password+after, "q") || strings.ContainsAny(password, "/\"'<>") || len(strings.Fields("."+password+".")) > 1 {
			return // the secret is the only one, and the password is one that a URL can hold
		}
		text := before + "https://user:" + password + secret + "@host/path?key=" + secret + after
		for name, redacted := range map[string]func(string) string{"Text": redact.Text, "Foreign": redact.Foreign, "URLs": redact.URLs} {
			once := redacted(text)
			if strings.Contains(once, "q") {
				t.Errorf("%s(%q) = %q", name, text, once)
			}
			if twice := redacted(once); twice != once {
				t.Errorf("%s(%q) = %q, and again %q", name, text, once, twice)
			}
		}
	})
}
