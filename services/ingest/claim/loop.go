package claim

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

// claimWithin bounds one transaction. It is longer than the bounds of statements in it, so that the
// database ends a slow statement and names it.
const claimWithin = 30 * time.Second

// Loop claims jobs until it is stopped.
type Loop struct {
	Claimer *Claimer
	// Poll is the interval between polls for jobs, give or take a tenth.
	Poll time.Duration
	// Wake starts a poll at once.
	Wake <-chan struct{}
	// Done is called with every job that was claimed or set aside.
	Done func(context.Context, Claimed)
	// Failed is called with every error of the database.
	Failed func(error)
	// Beat is called as long as the loop goes on.
	Beat func()
	Log  zerolog.Logger

	outage retry.Outage
}

// Err returns why no job can be claimed at present, and nil while jobs can be claimed.
func (l *Loop) Err() error { return l.outage.Err() }

// Run claims jobs until ctx is cancelled. While the database is away it retries, less and less
// often, and ignores Wake.
func (l *Loop) Run(ctx context.Context) {
	l.outage.Backoff = retry.Backoff{First: 250 * time.Millisecond, Longest: 10 * time.Second}
	l.outage.Log, l.outage.Down, l.outage.Up = l.Log, "jobs cannot be claimed: retrying until they can be", "jobs can be claimed again"
	for goOn := true; goOn; {
		l.Beat()
		pause, err := l.round(ctx)
		if ctx.Err() != nil {
			return
		}
		l.outage.Note(err)
		if err != nil {
			l.Failed(err)
			goOn = l.outage.Pause(ctx)
		} else {
			goOn = wait(ctx, pause, l.Wake)
		}
	}
}

// round claims jobs until there is none to claim, and returns the pause before the next round.
func (l *Loop) round(ctx context.Context) (pause time.Duration, err error) {
	for {
		claimed, err := l.next(ctx)
		switch {
		case err != nil:
			return 0, err
		case claimed.Outcome == Empty, claimed.Outcome == Full:
			return l.jittered(), nil
		}
		l.log(claimed)
		l.Done(ctx, claimed)
		l.Beat()
	}
}

func (l *Loop) next(ctx context.Context) (Claimed, error) {
	ctx, cancel := context.WithTimeout(ctx, claimWithin)
	defer cancel()
	return l.Claimer.Next(ctx)
}

func (l *Loop) log(c Claimed) {
	log := l.Log.With().Stringer("render_id", c.Render).Stringer("job_id", c.Job).Logger()
	switch c.Outcome {
	case Planned:
		log.Info().Int("tasks", c.Tasks).Msg("render planned")
	case Refused:
		event := log.Warn()
		if c.Cause != nil {
			event = log.Error().AnErr("cause", c.Cause)
		}
		event.Str("code", string(c.Invalid.Code)).Str("message", c.Invalid.Message).Msg("render refused")
	case Closed:
		log.Info().Msg("job closed: its render had ended")
	case SetAside:
		log.Error().AnErr("cause", c.Cause).Int("tries", c.Tries).Msg("job set aside: the database refuses it")
	case Attached:
		log.Info().Msg("job attached: it ends with the plan of its render")
	}
}

// jittered returns Poll with jitter, which spreads replicas that were started together.
func (l *Loop) jittered() time.Duration {
	return time.Duration(float64(l.Poll) * (0.9 + rand.Float64()/5))
}

// wait returns true after d or at a wake-up, and false when ctx is cancelled.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-wake:
	}
	return true
}
