package api

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// limits bounds how fast requests come, for each token, and for each address that sends none. It is
// this process's: another replica counts by itself.
type limits struct {
	perSecond int
	mu        sync.Mutex
	of        map[string]*limit
	swept     time.Time
}

type limit struct {
	*rate.Limiter

	used time.Time
}

// forgotten is how long after its last request a limit is forgotten. It is full again by then.
const forgotten = time.Minute

func newLimits(perSecond int) *limits { return &limits{perSecond: perSecond, of: map[string]*limit{}} }

// wait returns how long whoever is called name must wait before a request is taken; 0 when this one
// is.
func (l *limits) wait(name string, now time.Time) time.Duration {
	if l.perSecond <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > forgotten {
		l.swept = now
		for key, one := range l.of {
			if now.Sub(one.used) > forgotten {
				delete(l.of, key)
			}
		}
	}
	one := l.of[name]
	if one == nil {
		one = &limit{Limiter: rate.NewLimiter(rate.Limit(l.perSecond), 2*l.perSecond)}
		l.of[name] = one
	}
	one.used = now
	r := one.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// bound refuses requests that come too fast.
func (a *API) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "address " + address(r)
		if p, known := access.From(r.Context()); known {
			name = string(p.Kind) + " " + p.ID
		}
		if wait := a.limits.wait(name, time.Now()); wait > 0 {
			a.refuse(w, tooMany(wait, "Requests come faster than the console takes them."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func tooMany(wait time.Duration, why string) *Problem {
	return NewProblem(http.StatusTooManyRequests, CodeTooMany, "%s", why).
		with("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}
