package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Enter shows an empty document of the page's own origin, which is not requested from the server.
//
// It is there to request the page. A navigation that the browser starts counts the page's time from
// the browser's clock, which nobody controls and which differs by tenths of milliseconds in every
// run; one that a document starts counts it from that document's. The document is of the page's
// origin so that servers see the same cookies and headers as from a visitor.
func (l *Loader) Enter(ctx context.Context) error {
	target, err := url.Parse(l.URL)
	if err != nil {
		return fmt.Errorf("read the page's URL: %w", err)
	}
	address := (&url.URL{Scheme: target.Scheme, Host: target.Host, Path: "/"}).String() + "?enter"
	answered := make(chan error, 1)
	off := cdp.On(l.Client, l.Page.SessionID, func(e *proto.FetchRequestPaused) {
		go func() { // not on the goroutine that would read the reply
			err := proto.FetchFulfillRequest{
				RequestID: e.RequestID, ResponseCode: 200, Body: []byte("<!doctype html>"),
				ResponseHeaders: []*proto.FetchHeaderEntry{
					{Name: "Content-Type", Value: "text/html"}, {Name: "Referrer-Policy", Value: "no-referrer"},
				},
			}.Call(l.Page)
			select {
			case answered <- err:
			default: // it is not the first request
			}
		}()
	})
	defer off()
	if err := (proto.FetchEnable{}).Call(l.Page); err != nil {
		return fmt.Errorf("enter the page's origin: %w", err)
	}
	reply, err := proto.PageNavigate{URL: address}.Call(l.Page)
	if err != nil {
		return fmt.Errorf("enter the page's origin: %w", err)
	}
	if reply.ErrorText != "" {
		return pageerror.Navigation(reply.ErrorText)
	}
	timer := time.NewTimer(l.Call)
	defer timer.Stop()
	select {
	case err = <-answered:
	case <-timer.C:
		err = fmt.Errorf("%w: it was not asked for in %s", cdp.ErrStalled, l.Call)
	case <-l.Client.Closed():
		return cdp.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("enter the page's origin: %w", err)
	}
	return proto.FetchDisable{}.Call(l.Page)
}

// navigate requests the page and waits for its response.
func (l *Loader) navigate(ctx context.Context) error {
	target, err := json.Marshal(l.URL)
	if err != nil {
		return fmt.Errorf("write the page's URL: %w", err)
	}
	l.Document.Forget()
	l.Requests.Forget()
	ask := proto.RuntimeEvaluate{Expression: "location.replace(" + string(target) + ")"}
	if _, err := ask.Call(l.Page); err != nil && !cdp.Gone(err) {
		return err
	}
	if err := l.Document.AwaitShown(ctx, l.Timeout); err != nil {
		return err
	}
	if _, err := l.swap(ctx); err != nil {
		return err
	}
	return l.answered(ctx)
}

// answered returns the error of a document that did not come, came with an HTTP error, or is one
// too many.
func (l *Loader) answered(ctx context.Context) error {
	d := l.Document.Now()
	if d.Failure == "" && d.Status < 400 {
		if n := l.Document.Responses(); n > maxDocuments {
			return pageerror.Endless(n)
		}
		return nil
	}
	if err := l.unreached(d.URL); err != nil && (d.Failure != "" || d.Status == 502) {
		return pageerror.Connect(err) // 502 is the proxy's own response
	}
	if d.Failure != "" && !isWeb(d.URL) {
		return pageerror.Scheme(d.URL) // Chrome would have another program open it
	}
	if d.Status < 400 {
		return pageerror.Navigation(d.Failure)
	}
	if err := l.refused(ctx, d.Status); err != nil {
		return err
	}
	return pageerror.Status(d.Status)
}

// unreached returns why the host of an address could not be connected to, if it could not.
func (l *Loader) unreached(address string) error {
	u, err := url.Parse(address)
	if err != nil || l.Unreached == nil {
		return nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return l.Unreached(net.JoinHostPort(u.Hostname(), port))
}

// CheckURL returns the error of a page whose address is not of the web.
func CheckURL(address string) error {
	if !isWeb(address) {
		return &pageerror.Error{Code: msg.CodeSceneRefused, Permanent: true, Err: errors.New("no http or https URL")}
	}
	return nil
}

// isWeb reports whether an address may be a web page's.
func isWeb(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
