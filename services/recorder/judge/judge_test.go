package judge

import (
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

func TestWhatAPageIsFollowsFromWhatWasSeen(t *testing.T) {
	const asked = "https://shop.example/a"
	cover := func(share float64, text, names string) func(*Seen) {
		return func(s *Seen) { s.Covers = append(s.Covers, capture.Cover{Share: share, Text: text, Names: names}) }
	}
	at := func(address string) func(*Seen) { return func(s *Seen) { s.Survey.Address = address } }
	warned := func(code msg.Code) func(*Seen) {
		return func(s *Seen) { s.Warnings = append(s.Warnings, msg.Warning{Code: code, Message: "Said. Do this."}) }
	}
	failed := func(code msg.Code) func(*Seen) {
		return func(s *Seen) { s.Failure, s.Why = &capture.PageError{Code: code}, "It is so. Do this. And that." }
	}
	for name, c := range map[string]struct {
		change []func(*Seen)
		want   []msg.Class
		fails  bool
	}{
		"a page":                       {want: []msg.Class{msg.ClassOK}},
		"with www and a slash":         {change: []func(*Seen){at("https://www.shop.example/a/")}, want: []msg.Class{msg.ClassOK}},
		"over another scheme":          {change: []func(*Seen){at("http://shop.example/a?x=1#y")}, want: []msg.Class{msg.ClassOK}},
		"another path":                 {change: []func(*Seen){at("https://shop.example/b")}, want: []msg.Class{msg.ClassRedirect}},
		"another host":                 {change: []func(*Seen){at("https://other.example/a")}, want: []msg.Class{msg.ClassRedirect}},
		"another port":                 {change: []func(*Seen){at("https://shop.example:8443/a")}, want: []msg.Class{msg.ClassRedirect}},
		"no address":                   {change: []func(*Seen){at("")}, want: []msg.Class{msg.ClassOK}},
		"a form for a password":        {change: []func(*Seen){func(s *Seen) { s.Passwords = 1 }}, want: []msg.Class{msg.ClassLogin}},
		"a form that was asked for":    {change: []func(*Seen){func(s *Seen) { s.Passwords, s.AskedForLogin = 1, true }}, want: []msg.Class{msg.ClassOK}},
		"a form in a long page":        {change: []func(*Seen){func(s *Seen) { s.Passwords, s.Length = 1, bare+1 }}, want: []msg.Class{msg.ClassOK}},
		"slow":                         {change: []func(*Seen){func(s *Seen) { s.Load = slow }}, want: []msg.Class{msg.ClassSlow}},
		"quick":                        {change: []func(*Seen){func(s *Seen) { s.Load = slow - time.Millisecond }}, want: []msg.Class{msg.ClassOK}},
		"a banner":                     {change: []func(*Seen){cover(.3, "We use cookies. Accept all", "")}, want: []msg.Class{msg.ClassConsentWall}},
		"a banner in German":           {change: []func(*Seen){cover(.3, "Wir verwenden Cookies. Alle akzeptieren. Ablehnen", "")}, want: []msg.Class{msg.ClassConsentWall}},
		"a banner in Japanese":         {change: []func(*Seen){cover(.3, "当サイトではクッキーを使用しています 同意する", "")}, want: []msg.Class{msg.ClassConsentWall}},
		"a banner of another site":     {change: []func(*Seen){cover(.5, "", "sp_message_container_1 https://cdn.example/consent")}, want: []msg.Class{msg.ClassConsentWall}},
		"a banner behind a header":     {change: []func(*Seen){cover(.3, "Products", "header"), cover(.2, "Cookies: accept", "")}, want: []msg.Class{msg.ClassConsentWall}},
		"a tiny banner":                {change: []func(*Seen){cover(.01, "We use cookies. Accept all", "")}, want: []msg.Class{msg.ClassOK}},
		"a menu":                       {change: []func(*Seen){cover(.5, "Products Prices Settings", "nav")}, want: []msg.Class{msg.ClassOK}},
		"a menu that sells cookies":    {change: []func(*Seen){cover(.5, "Cookies Cakes Bread", "nav")}, want: []msg.Class{msg.ClassOK}},
		"blank":                        {change: []func(*Seen){warned(msg.CodePageBlank)}, want: []msg.Class{msg.ClassBlank}},
		"without a font":               {change: []func(*Seen){warned(msg.CodeFontsMissing)}, want: []msg.Class{msg.ClassMissingFonts}},
		"incomplete":                   {change: []func(*Seen){warned(msg.CodePageIncomplete)}, want: []msg.Class{msg.ClassOK}},
		"the gravest first":            {change: []func(*Seen){at("https://b.example/"), warned(msg.CodeFontsMissing), func(s *Seen) { s.Load = time.Minute }}, want: []msg.Class{msg.ClassMissingFonts, msg.ClassRedirect, msg.ClassSlow}},
		"a failure":                    {change: []func(*Seen){failed(msg.CodeSceneStatus)}, want: []msg.Class{msg.ClassError}, fails: true},
		"a failure, whatever was seen": {change: []func(*Seen){failed(msg.CodeSceneTimeout), cover(.3, "cookies accept", "")}, want: []msg.Class{msg.ClassError}, fails: true},
		"a challenge":                  {change: []func(*Seen){failed(msg.CodeSceneChallenge)}, want: []msg.Class{msg.ClassBotWall}, fails: true},
		"a login elsewhere":            {change: []func(*Seen){failed(msg.CodeSceneLogin)}, want: []msg.Class{msg.ClassLogin}, fails: true},
		"a warning that is strict": {change: []func(*Seen){warned(msg.CodePageIncomplete), func(s *Seen) { s.Strict = &s.Warnings[0] }},
			want: []msg.Class{msg.ClassError}, fails: true},
		"a finding that is strict": {change: []func(*Seen){warned(msg.CodePageBlank), func(s *Seen) { s.Strict = &s.Warnings[0] }},
			want: []msg.Class{msg.ClassBlank}, fails: true},
	} {
		s := Seen{Asked: asked, Page: asked, Address: "https://elsewhere.example/"}
		s.Survey.Address, s.Length = asked, 800
		for _, change := range c.change {
			change(&s)
		}
		findings, fails := Judge(s)
		var got []msg.Class
		for _, f := range findings {
			got = append(got, f.Class)
			if f.Reason == "" || f.Class != msg.ClassOK && f.Advice == "" {
				t.Errorf("%s: the words are %+v", name, f)
			}
		}
		if len(got) != len(c.want) || fails != c.fails {
			t.Errorf("%s: it is %v, fails %v; want %v", name, got, fails, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: it is %v, want %v", name, got, c.want)
			}
		}
	}
}

// The words of a failure are divided into what was found and what to do.
func TestAFailureSaysWhatToDo(t *testing.T) {
	findings, _ := Judge(Seen{Failure: &capture.PageError{Code: msg.CodeSceneStatus}, Why: "https://a.example/v1.2 answered 404. Check the URL. Then try again."})
	want := msg.Finding{Class: msg.ClassError, Code: msg.CodeSceneStatus, Reason: "https://a.example/v1.2 answered 404.", Advice: "Check the URL. Then try again."}
	if findings[0] != want {
		t.Errorf("it is %+v", findings[0])
	}
}

func TestABannerThatStaysIsToBeHidden(t *testing.T) {
	s := Seen{Options: scene.Options{Consent: scene.ConsentDismiss}}
	s.Covers = []capture.Cover{{Share: .4, Text: "cookies: accept"}}
	kept := Seen{Survey: s.Survey}
	a, _ := Judge(s)
	b, _ := Judge(kept)
	if a[0].Advice == b[0].Advice || a[0].Class != msg.ClassConsentWall {
		t.Errorf("both are told %q", a[0].Advice)
	}
}
