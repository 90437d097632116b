package retry

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Backoff bounds the pauses between tries. The first pause is First; each one after it is half as
// long again, up to Longest. Each is then shortened or lengthened at random by up to half, so that
// replicas that failed together do not retry together.
type Backoff struct{ First, Longest time.Duration }

// Do calls try until it returns nil. It returns the error of the last try if that is Permanent, or
// if the next pause would end after limit (0: no limit), and the cause of ctx if ctx is cancelled
// before a try succeeds.
func (b Backoff) Do(ctx context.Context, limit time.Duration, try func() error) error {
	return b.do(ctx, limit, try, nil)
}

func (b Backoff) do(ctx context.Context, limit time.Duration, try func() error, failed func(error)) error {
	options := []backoff.RetryOption{backoff.WithBackOff(b.pauses()), backoff.WithMaxElapsedTime(limit)}
	if failed != nil {
		options = append(options, backoff.WithNotify(func(err error, _ time.Duration) { failed(err) }))
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, try() }, options...)
	return err
}

func (b Backoff) pauses() *backoff.ExponentialBackOff {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = b.First, b.Longest
	return pauses
}

// Permanent marks an error that another try would meet again. Do and Until return err itself.
func Permanent(err error) error { return backoff.Permanent(err) }

// Sleep returns true after d, or false as soon as ctx is cancelled.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
