package judge

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

const (
	// slow is how long a page may take to load before that is worth a word.
	slow = 8 * time.Second
	// bare is the length of the text of a page that is a login and little else, in UTF-16 units.
	bare = 1500
	// leastCover is the share of the window that a banner covers at least. What is smaller is in
	// nobody's way.
	leastCover = 0.03
)

// Seen is what was seen of a page.
type Seen struct {
	// Asked is the scene's URL, Page the same as messages show it.
	Asked, Page string
	// Address is where it led, as messages show it; empty if it led nowhere.
	Address string
	Options scene.Options
	capture.Survey
	// Warnings are those that a render would have. They have the words for what they are about.
	Warnings []msg.Warning
	// Failure is why the page could not be captured; nil: it was. Why has the words for it.
	Failure *capture.PageError
	Why     string
	// Strict is the warning that fails the scene, since its options say so; nil: none.
	Strict *msg.Warning
}

// Judge returns what was found, the gravest first, and whether a render would fail because of it.
// There is at least one finding.
func Judge(s Seen) (findings []msg.Finding, fails bool) {
	if s.Failure != nil {
		return []msg.Finding{failed(s.Failure, s.Why)}, true
	}
	for _, look := range []func(Seen) *msg.Finding{login, blank, consent, fonts, redirect, late} {
		if f := look(s); f != nil {
			findings = append(findings, *f)
		}
	}
	if s.Strict != nil && !slices.ContainsFunc(findings, func(f msg.Finding) bool { return f.Code == s.Strict.Code }) {
		findings = append(findings, said(msg.ClassError, s.Strict.Code, s.Strict.Message))
	}
	if len(findings) == 0 {
		findings = append(findings, msg.Finding{Class: msg.ClassOK, Reason: s.Page + " shows itself."})
	}
	slices.SortStableFunc(findings, func(a, b msg.Finding) int {
		return cmp.Compare(slices.Index(msg.Classes, a.Class), slices.Index(msg.Classes, b.Class))
	})
	return findings, s.Strict != nil
}

// failed is what a page is that could not be captured.
func failed(e *capture.PageError, why string) msg.Finding {
	class := msg.ClassError
	switch e.Code {
	case msg.CodeSceneChallenge:
		class = msg.ClassBotWall
	case msg.CodeSceneLogin:
		class = msg.ClassLogin
	}
	return said(class, e.Code, why)
}

// said makes a finding of words for the product's user, whose first sentence is the reason and the
// others are the advice.
func said(class msg.Class, code msg.Code, words string) msg.Finding {
	reason, advice, _ := strings.Cut(words, ". ")
	if reason != "" {
		reason = strings.TrimSuffix(reason, ".") + "."
	}
	return msg.Finding{Class: class, Code: code, Reason: reason, Advice: advice}
}

// login finds a login at the page's own address. One at another address is a failure.
func login(s Seen) *msg.Finding {
	if s.Passwords == 0 || s.AskedForLogin || s.Length > bare {
		return nil
	}
	return &msg.Finding{
		Class: msg.ClassLogin, Reason: s.Page + " shows a form for a password, and little else.",
		Advice: "Use a page that is open to everybody who has its URL, or give the scene the basic_auth, cookies or headers of " +
			"somebody who may see it. If the form is what the video is to show, all is well.",
	}
}

func blank(s Seen) *msg.Finding {
	if s.warning(msg.CodePageBlank) == nil {
		return nil
	}
	return &msg.Finding{
		Class: msg.ClassBlank, Code: msg.CodePageBlank,
		Reason: s.Page + " shows one colour, or nothing but something small without words, two seconds after it has loaded.",
		Advice: "Check that the page shows itself to new visitors. If it takes its time, let the scene wait_for what it is to show.",
	}
}

// consent finds a banner. With the option that dismisses banners, this one was not, or has no rule.
func consent(s Seen) *msg.Finding {
	for _, c := range s.Covers {
		if c.Share < leastCover || !asksForConsent(c) {
			continue
		}
		f := &msg.Finding{
			Class:  msg.ClassConsentWall,
			Reason: fmt.Sprintf("A banner that asks for consent covers %.0f %% of %s.", 100*c.Share, s.Page),
			Advice: "Give the scene the option consent: dismiss. It refuses and closes the banners that are known.",
		}
		if s.Options.Consent == scene.ConsentDismiss {
			f.Advice = "It is not among the banners that the recorder can refuse. Name it in the scene's option hide or remove."
		}
		return f
	}
	return nil
}

func fonts(s Seen) *msg.Finding {
	w := s.warning(msg.CodeFontsMissing)
	if w == nil {
		return nil
	}
	f := said(msg.ClassMissingFonts, w.Code, w.Message)
	return &f
}

// redirect finds that the URL leads to another page. Another scheme, "www." and a slash at the end
// make no other page, nor does a query.
func redirect(s Seen) *msg.Finding {
	asked, err := url.Parse(s.Asked)
	shown, err2 := url.Parse(s.Survey.Address)
	if err != nil || err2 != nil || shown.Host == "" || pageOf(asked) == pageOf(shown) {
		return nil
	}
	return &msg.Finding{
		Class: msg.ClassRedirect, Reason: s.Page + " leads to " + s.Address + ".",
		Advice: "Check that this is the page that is meant, and use its address in the scene.",
	}
}

func pageOf(u *url.URL) string {
	port := u.Port()
	if port == "80" || port == "443" {
		port = ""
	}
	return strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.") + ":" + port + strings.TrimSuffix(u.Path, "/")
}

func late(s Seen) *msg.Finding {
	if s.Load < slow {
		return nil
	}
	return &msg.Finding{
		Class: msg.ClassSlow, Reason: fmt.Sprintf("%s took %.0f seconds to load.", s.Page, s.Load.Seconds()),
		Advice: "Each render waits for it again, and parts that come later are missing. Check what the page loads, or use a quicker one.",
	}
}

func (s Seen) warning(code msg.Code) *msg.Warning {
	if i := slices.IndexFunc(s.Warnings, func(w msg.Warning) bool { return w.Code == code }); i >= 0 {
		return &s.Warnings[i]
	}
	return nil
}
