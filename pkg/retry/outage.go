package retry

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"
)

// Outage follows one thing that may be away. It keeps the last error, logs when an outage starts
// and when it ends, and paces the tries in between. It may be used by several goroutines.
type Outage struct {
	Backoff
	Log zerolog.Logger
	// Down is logged with the error when an outage starts, Up with its length, for_ms, at its end.
	Down, Up string
	// Minor outages start with a warning instead of an error: work goes on without what is away.
	Minor bool
	// Kind, if it is set, tells errors apart: an error of another kind than the last is logged too.
	Kind func(error) string

	mu     sync.Mutex
	err    error
	kind   string
	since  time.Time
	pauses *backoff.ExponentialBackOff
}

// Note takes the result of a try: an error starts an outage or continues it, nil ends it.
func (o *Outage) Note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	started := err != nil && o.err == nil
	ended := err == nil && o.err != nil
	o.err = err
	if ended {
		o.Log.Info().Dur("for_ms", time.Since(o.since)).Msg(o.Up)
		o.kind, o.pauses = "", nil
	}
	if err == nil {
		return
	}
	kind := o.kind
	if o.Kind != nil {
		kind = o.Kind(err)
	}
	if started {
		o.since = time.Now()
	}
	if started || kind != o.kind {
		o.Log.WithLevel(o.level()).Err(err).Msg(o.Down)
	}
	o.kind = kind
}

func (o *Outage) level() zerolog.Level {
	if o.Minor {
		return zerolog.WarnLevel
	}
	return zerolog.ErrorLevel
}

// Err returns the error that Note was given last: nil outside an outage.
func (o *Outage) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Pause waits before the next try: longer each time, until Note ends the outage. It returns false
// as soon as ctx is cancelled.
func (o *Outage) Pause(ctx context.Context) bool {
	o.mu.Lock()
	if o.pauses == nil {
		o.pauses = o.Backoff.pauses()
	}
	d := o.pauses.NextBackOff()
	o.mu.Unlock()
	return Sleep(ctx, d)
}

// Until calls try until it returns nil, and notes each result. It returns the error of the last try
// if that is Permanent, and the cause of ctx if ctx is cancelled before a try succeeds.
func (o *Outage) Until(ctx context.Context, try func() error) error {
	err := o.Backoff.do(ctx, 0, try, o.Note)
	if err == nil {
		o.Note(nil)
	}
	return err
}
