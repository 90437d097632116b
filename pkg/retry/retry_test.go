package retry_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

var (
	errAway = errors.New("away")
	pauses  = retry.Backoff{First: time.Second, Longest: 10 * time.Second}
)

func TestPausesGrowUpToTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		err := pauses.Do(t.Context(), 0, func() error {
			tries = append(tries, time.Now())
			if len(tries) < 20 {
				return errAway
			}
			return nil
		})
		if err != nil || len(tries) != 20 {
			t.Fatalf("%d tries, %v", len(tries), err)
		}
		base := pauses.First
		for i := 1; i < len(tries); i++ {
			pause := tries[i].Sub(tries[i-1])
			if pause < base/2 || pause > base*3/2+1 {
				t.Errorf("pause %d took %s, want %s give or take half", i, pause, base)
			}
			base = min(base*3/2, pauses.Longest)
		}
	})
}

func TestTryingEnds(t *testing.T) {
	stopped := errors.New("stopped")
	for name, c := range map[string]struct {
		limit time.Duration
		err   error
		want  error
	}{
		"at its limit, with the last error":        {limit: time.Minute, err: errAway, want: errAway},
		"at once, with an error that is permanent": {err: retry.Permanent(errAway), want: errAway},
		"with its context, and the cause":          {err: errAway, want: stopped},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Hour, func() { cancel(stopped) })
				if err := pauses.Do(ctx, c.limit, func() error { return c.err }); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				cancel(nil)
			})
		})
	}
}

func TestAnOutageIsLoggedAtItsStartAndAtItsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		minor bool
		kind  func(error) string
		want  []string
	}{
		"an error":                      {want: []string{`"error","error":"away"`, `"info","for_ms":36`}},
		"a warning":                     {minor: true, want: []string{`"warn","error":"away"`, `"info","for_ms":36`}},
		"an error of another kind, too": {kind: error.Error, want: []string{`"away"`, `"refused"`, `"info","for_ms":36`}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				o := retry.Outage{Backoff: pauses, Log: zerolog.New(&log), Down: "down", Up: "up", Minor: c.minor, Kind: c.kind}
				began, tries := time.Now(), 0
				try := func() error {
					switch tries++; {
					case time.Since(began) >= time.Hour:
						return nil
					case tries < 5:
						return errAway
					}
					return errors.New("refused")
				}
				time.AfterFunc(30*time.Minute, func() {
					if o.Err() == nil {
						t.Error("no error during the outage")
					}
				})
				for range 2 { // the second time there is no outage
					if err := o.Until(t.Context(), try); err != nil || o.Err() != nil {
						t.Fatal(err, o.Err())
					}
				}
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				if len(lines) != len(c.want) {
					t.Fatalf("logged %q, want %d lines", lines, len(c.want))
				}
				for i, want := range c.want {
					if !strings.Contains(lines[i], want) {
						t.Errorf("logged %s, want %s", lines[i], want)
					}
				}
			})
		})
	}
}

func TestAnOutageThatEndedPausesAsBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := retry.Outage{Backoff: pauses, Log: zerolog.Nop()}
		for range 3 {
			for range 10 {
				o.Note(errAway)
				o.Pause(t.Context())
			}
			o.Note(nil)
			o.Note(errAway)
			began := time.Now()
			if !o.Pause(t.Context()) || time.Since(began) > 3*pauses.First/2+1 {
				t.Errorf("the first pause took %s", time.Since(began))
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if o.Pause(ctx) {
			t.Error("a pause outlasts its context")
		}
	})
}
