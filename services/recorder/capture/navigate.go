package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// enter shows an empty document of the page's own origin, which is not asked of the network.
//
// It is there to ask for the page. A navigation that the browser begins counts the page's time from
// the browser's clock, which is not ours and differs by tenths of milliseconds in every run; one
// that a document begins counts it from that document's. The document is of the page's origin so
// that servers see the same cookies and headers as from a visitor.
func (s *scene) enter(ctx context.Context) error {
	target, err := url.Parse(s.URL)
	if err != nil {
		return fmt.Errorf("read the page's URL: %w", err)
	}
	address := (&url.URL{Scheme: target.Scheme, Host: target.Host, Path: "/"}).String() + "?enter"
	answered := make(chan error, 1)
	off := cdp.On(s.client, s.page.SessionID, func(e *proto.FetchRequestPaused) {
		go func() { // not on the goroutine that would read the answer
			err := proto.FetchFulfillRequest{
				RequestID: e.RequestID, ResponseCode: 200, Body: []byte("<!doctype html>"),
				ResponseHeaders: []*proto.FetchHeaderEntry{
					{Name: "Content-Type", Value: "text/html"}, {Name: "Referrer-Policy", Value: "no-referrer"},
				},
			}.Call(s.page)
			select {
			case answered <- err:
			default: // it is not the first that is asked for
			}
		}()
	})
	defer off()
	if err := (proto.FetchEnable{}).Call(s.page); err != nil {
		return fmt.Errorf("enter the page's origin: %w", err)
	}
	reply, err := proto.PageNavigate{URL: address}.Call(s.page)
	if err != nil {
		return fmt.Errorf("enter the page's origin: %w", err)
	}
	if reply.ErrorText != "" {
		return pageerror.Navigation(reply.ErrorText)
	}
	timer := time.NewTimer(s.Bounds.Call)
	defer timer.Stop()
	select {
	case err = <-answered:
	case <-timer.C:
		err = fmt.Errorf("%w: it was not asked for in %s", cdp.ErrStalled, s.Bounds.Call)
	case <-s.client.Closed():
		return cdp.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("enter the page's origin: %w", err)
	}
	return proto.FetchDisable{}.Call(s.page)
}

// navigate asks for the page and waits until it answers.
func (s *scene) navigate(ctx context.Context) error {
	target, err := json.Marshal(s.URL)
	if err != nil {
		return fmt.Errorf("write the page's URL: %w", err)
	}
	s.document.Forget()
	s.requests.Forget()
	ask := proto.RuntimeEvaluate{Expression: "location.replace(" + string(target) + ")"}
	if _, err := ask.Call(s.page); err != nil && !cdp.Gone(err) {
		return err
	}
	if err := s.document.AwaitShown(ctx, s.Bounds.Load); err != nil {
		return err
	}
	if _, err := s.changeProcess(ctx); err != nil {
		return err
	}
	return s.answered(ctx)
}
