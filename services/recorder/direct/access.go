package direct

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

// access gives the browser what the page asks its visitors for: cookies, headers, a user and a
// password.
func (s setup) access() error {
	o := s.params.Options
	for i, c := range o.Cookies {
		if err := s.cookie(c); err != nil {
			if refused(err) {
				return refuse(fmt.Sprintf("cookies[%d]", i), "the browser does not take this cookie. Check its domain, and that it "+
					"is secure when its name begins with __Secure- or __Host-")
			}
			return failed("set cookies", err)
		}
	}
	own := len(o.Headers) > 0 || o.BasicAuth != nil
	if !own && o.ColorScheme == "" {
		return nil
	}
	var origin string
	if err := evaluate(s.page, mainWorld, &origin, `url => new URL(url).origin`, s.params.URL); err != nil {
		return failed("read the page's origin", err)
	}
	// The requests of service workers are not intercepted.
	if err := (proto.NetworkSetBypassServiceWorker{Bypass: true}).Call(s.page); err != nil {
		return failed("leave service workers out", err)
	}
	i := &interceptor{
		page: s.page, origin: origin, headers: o.Headers, auth: o.BasicAuth, asked: map[proto.FetchRequestID]bool{}, scheme: o.ColorScheme,
	}
	events := s.page.Event()
	go i.answer(events)
	var stop []*proto.FetchRequestPattern
	if own {
		stop = append(stop, &proto.FetchRequestPattern{URLPattern: origin + "/*"})
	}
	if o.ColorScheme != "" {
		stop = append(stop, &proto.FetchRequestPattern{ResourceType: proto.NetworkResourceTypeDocument})
	}
	err := proto.FetchEnable{Patterns: stop, HandleAuthRequests: o.BasicAuth != nil}.Call(s.page)
	if err != nil {
		return failed("watch the page's requests", err)
	}
	return nil
}

func (s setup) cookie(c scene.Cookie) error {
	path := c.Path
	if path == "" {
		path = "/"
	}
	return proto.NetworkSetCookies{Cookies: []*proto.NetworkCookieParam{{
		Name: c.Name, Value: c.Value, URL: s.params.URL, Domain: c.Domain, Path: path, Secure: c.Secure, HTTPOnly: c.HTTPOnly,
		SameSite: proto.NetworkCookieSameSite(c.SameSite),
	}}}.Call(s.page)
}

// interceptor intercepts requests to the page's own origin, to give them what is for that origin
// alone, and requests for documents, to tell them the colour scheme.
type interceptor struct {
	page    *rod.Page
	origin  string
	headers map[string]string
	auth    *scene.BasicAuth
	// asked are the requests that the user and the password were given to. They are not given
	// twice: they would be wrong again.
	asked map[proto.FetchRequestID]bool
	// scheme is the colour scheme that the page is to be told; empty leaves it to Chrome.
	scheme string
}

// answer lets requests go on until the page is gone. It ignores errors: the request is gone, too.
func (i *interceptor) answer(events <-chan *rod.Message) {
	for e := range events {
		var paused proto.FetchRequestPaused
		var challenge proto.FetchAuthRequired
		switch {
		case e.Load(&paused):
			err := proto.FetchContinueRequest{RequestID: paused.RequestID, Headers: i.with(paused.Request)}.Call(i.page)
			if err != nil { // it must not wait here for ever
				_ = proto.FetchFailRequest{RequestID: paused.RequestID, ErrorReason: proto.NetworkErrorReasonFailed}.Call(i.page)
			}
		case e.Load(&challenge):
			_ = proto.FetchContinueWithAuth{RequestID: challenge.RequestID, AuthChallengeResponse: i.authorize(challenge)}.Call(i.page)
		}
	}
}

// schemeHint is the client hint that tells the colour scheme. What emulates one leaves it as it is
// where the browser's own process asks for a document; servers that have not asked for it do not
// get it.
const schemeHint = "sec-ch-prefers-color-scheme"

// with returns a request's headers and ours, which replace its own; nil when there are none to
// give.
func (i *interceptor) with(r *proto.NetworkRequest) []*proto.FetchHeaderEntry {
	all := make(map[string]string, len(r.Headers)+len(i.headers))
	for name, value := range r.Headers {
		all[strings.ToLower(name)] = value.Str()
	}
	changed := false
	if told, tells := all[schemeHint]; tells && i.scheme != "" && told != i.scheme {
		all[schemeHint], changed = i.scheme, true
	}
	if len(i.headers) > 0 && i.owns(r.URL) {
		changed = true
		for name, value := range i.headers {
			all[strings.ToLower(name)] = value
		}
	}
	if !changed {
		return nil
	}
	entries := make([]*proto.FetchHeaderEntry, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		entries = append(entries, &proto.FetchHeaderEntry{Name: name, Value: all[name]})
	}
	return entries
}

// owns reports whether an address is of the page's own origin. Chrome writes both in the same way.
func (i *interceptor) owns(address string) bool { return strings.HasPrefix(address, i.origin+"/") }

// authorize answers a server that asks for a user and a password. It may be another server than the
// one that was asked first.
func (i *interceptor) authorize(e proto.FetchAuthRequired) *proto.FetchAuthChallengeResponse {
	c := e.AuthChallenge
	ours := c.Source != proto.FetchAuthChallengeSourceProxy && strings.EqualFold(c.Origin, i.origin)
	if !ours || i.auth == nil || i.asked[e.RequestID] {
		return &proto.FetchAuthChallengeResponse{Response: proto.FetchAuthChallengeResponseResponseCancelAuth}
	}
	i.asked[e.RequestID] = true
	return &proto.FetchAuthChallengeResponse{
		Response: proto.FetchAuthChallengeResponseResponseProvideCredentials, Username: i.auth.Username, Password: i.auth.Password,
	}
}
