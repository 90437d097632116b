package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

const (
	// pagesEvery is the shortest interval between two looks at the pages of preflights while none
	// is due.
	pagesEvery = 200 * time.Millisecond
	// pagesAtOnce is how many pages are published and not granted. The rest wait in Postgres, where
	// the first page of every preflight comes before the second of any.
	pagesAtOnce = 64
	// pageTimeout is how long an attempt at a page may take.
	pageTimeout = 2 * time.Minute
)

// dispatchPages publishes the pages of preflights that are due, as dispatch does tasks. They have a
// stream of their own, so they wait for no recording.
func (d *dispatcher) dispatchPages(ctx context.Context) error {
	if !d.morePages && time.Since(d.lookedForPages) < pagesEvery {
		return nil
	}
	d.lookedForPages = time.Now()
	list, err := d.pages.due(ctx, d.leases.lapsed(), pagesAtOnce)
	if err != nil {
		return err
	}
	d.morePages = len(list) > 0
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	var sent []*offer
	for _, page := range list {
		t := dueTask{page.TaskID, page.attempt}
		at, known := d.offered[t]
		if known && time.Since(at) < repeatEvery {
			continue
		}
		d.offered[t] = time.Now()
		_, recent := d.inspected[t]
		inspect := known && page.idle > d.stuckAfter() && !recent
		if inspect {
			d.inspected[t] = time.Now()
		}
		sent = append(sent, d.send(page.Ref, inspect))
	}
	var errs []error
	for _, o := range sent {
		there, err := d.settle(ctx, o)
		if there {
			d.Metrics.published.Inc()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// decidePage answers a request for a page.
func (r *requests) decidePage(ctx context.Context, log zerolog.Logger, request msg.GrantRequest) (msg.GrantReply, error) {
	g, err := r.pages.grant(ctx, request, nil)
	if err == nil && g.verdict == msg.Later && g.reason == unheard {
		g, err = r.grantLapsedPage(ctx, request, g)
	}
	if err != nil {
		return msg.GrantReply{}, err
	}
	reply := msg.GrantReply{Version: msg.Version, Verdict: g.verdict, Reason: g.reason, RetryAfter: msg.Duration(g.after)}
	if g.verdict != msg.Granted {
		return reply, nil
	}
	r.Wake() // its message has left the stream
	if reply.Grant, err = r.sign(ctx, request.Ref, g); err == nil {
		return reply, nil
	}
	log.Error().Err(err).Msg("URLs of a page could not be signed: it goes back")
	var verdict string
	if err := r.pages.handBack(ctx, request.Ref, g.attempt, "its URLs could not be signed").Scan(&verdict); err != nil {
		return msg.GrantReply{}, err
	}
	return msg.GrantReply{Version: msg.Version, Verdict: msg.Later, Reason: "URLs could not be signed",
		RetryAfter: msg.Duration(5 * time.Second)}, nil
}

// grantLapsedPage grants a page whose lease has run out, if that may lapse, as grantOrLapse does.
func (r *requests) grantLapsedPage(ctx context.Context, request msg.GrantRequest, g granted) (granted, error) {
	heard := r.leases.lapsed()
	if heard == nil {
		return g, nil
	}
	if reported, err := r.reported(ctx, request.Ref, g.attempt); err != nil || reported {
		return g, err
	}
	return r.pages.grant(ctx, request, heard)
}

// applyPage writes the result of a page. A result that the database refuses is a failure.
func (r *results) applyPage(ctx context.Context, log zerolog.Logger, result msg.Result) (verdict string, err error) {
	verdict, err = r.pages.apply(ctx, result)
	if !refusesData(err) {
		return verdict, err
	}
	log.Error().Err(err).Msg("the database refuses what was found of a page: the attempt failed")
	err = r.pages.fail(ctx, result.Ref, result.Attempt, msg.Failure{
		Code: msg.CodeInternal, Message: "This page could not be looked at because of an error on our side.", Detail: err.Error(),
	}).Scan(&verdict)
	return verdict, err
}
