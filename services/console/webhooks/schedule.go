package webhooks

import "time"

// pauses are the times between attempts: three days in all.
var pauses = []time.Duration{
	5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 20 * time.Hour,
}

const (
	// jitter is by how much a pause is longer or shorter at most, so that what failed together is
	// not tried again together.
	jitter = 0.2
	// longestWait bounds what a receiver may ask for.
	longestWait = 24 * time.Hour
	// longestSlow bounds how long a receiver that is overloaded gets nothing, if it does not say
	// so.
	longestSlow = time.Minute
)

// pauseAfter returns how long to wait after an attempt that failed, when so many had failed before
// it, and false when it was the last. A receiver's Retry-After makes the wait longer, never
// shorter. random is from 0 to 1.
func pauseAfter(failures int, retryAfter time.Duration, random float64) (time.Duration, bool) {
	if failures >= len(pauses) {
		return 0, false
	}
	pause := time.Duration(float64(pauses[failures]) * (1 - jitter + 2*jitter*random))
	return max(pause, min(retryAfter, longestWait)), true
}
