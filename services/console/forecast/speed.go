package forecast

import (
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// speed is how long tasks of one kind take: fixed seconds, and more for each frame.
type speed struct{ fixed, frame float64 }

func (s speed) seconds(frames float64) float64 { return s.fixed + s.frame*frames }

// first is what tasks are taken to take as long as hardly any was done: a few cores, 1920×1080.
var first = map[msg.Kind]speed{
	msg.Record:    {fixed: 1.5, frame: 0.02},
	msg.Probe:     {fixed: 1},
	msg.Draw:      {fixed: 0.5},
	msg.Normalize: {fixed: 0.5, frame: 0.01},
	msg.Concat:    {fixed: 0.5, frame: 0.001},
	msg.Overlay:   {fixed: 0.5, frame: 0.002},
	msg.Upload:    {fixed: 0.3},
}

// sums are what a receipt says of a kind's tasks: those that workers have done, their frames, and
// how long they took together.
type sums struct{ tasks, frames, seconds float64 }

const (
	// fade is how much less each older receipt counts than the one after it.
	fade = 0.96
	// doubt is how many receipts first counts for.
	doubt = 1
	// firstSpread is spread as long as there are few receipts, and spreadDoubt how many it counts
	// for.
	firstSpread, spreadDoubt = 0.6, 10
)

// speeds are how long tasks take, and how far renders differ from that.
type speeds struct {
	kinds map[msg.Kind]speed
	// spread: nine renders of ten take at most 1 + spread times as long as half of them do.
	spread float64
	// known says that there are receipts of it.
	known bool
}

// going are the sums of renders in progress, the newest first: tasks that are done, and those that
// have come some way. While many renders share the slots, none of them ends for long, and what the
// receipts say may no longer hold.
func going(rows []row) (list []map[msg.Kind]sums) {
	var last uuid.UUID
	for _, r := range rows {
		part := 1.0
		if r.state == "running" {
			part = r.progress
		}
		if r.elapsed == nil || part < someWay {
			continue
		}
		if len(list) == 0 || r.render != last {
			list, last = append(list, map[msg.Kind]sums{}), r.render
		}
		of := list[len(list)-1]
		one := of[r.kind]
		// What is fixed comes first: all of it is spent.
		of[r.kind] = sums{tasks: one.tasks + 1, frames: one.frames + part*r.frames, seconds: one.seconds + *r.elapsed}
	}
	slices.Reverse(list)
	return list
}

// someWay is how far a task that runs has come when it counts.
const someWay = 0.3

// learn measures speeds on receipts, the newest first.
func learn(receipts []map[msg.Kind]sums) speeds {
	s := speeds{kinds: map[msg.Kind]speed{}}
	for kind, prior := range first {
		var list []sums
		var weights []float64
		for i, r := range receipts {
			if one := r[kind]; one.tasks > 0 && one.seconds > 0 {
				list, weights = append(list, one), append(weights, math.Pow(fade, float64(i)))
				s.known = s.known || kind == msg.Record
			}
		}
		s.kinds[kind] = fit(list, weights, prior)
	}
	var ratios []float64
	for _, r := range receipts {
		took, expected := 0.0, 0.0
		for kind, one := range r {
			took += one.seconds
			expected += one.tasks*s.kinds[kind].fixed + one.frames*s.kinds[kind].frame
		}
		if took > 0 && expected > 0 {
			ratios = append(ratios, took/expected)
		}
	}
	s.spread = spread(ratios)
	return s
}

// pace is how long a page takes in proportion to others, by what it took before; 0: it was not
// recorded before.
func (o *outlook) pace(p page) float64 {
	took := o.pages[p]
	expected := took.tasks*o.kinds[msg.Record].fixed + took.frames*o.kinds[msg.Record].frame
	if took.tasks == 0 || expected <= 0 {
		return 0
	}
	// As if it had been half a time more, and as fast as all are.
	each := expected / took.tasks / 2
	return (took.seconds + each) / (expected + each)
}

// fit finds the speed with which tasks took what they took: least squares of how far each receipt
// is off in proportion, and prior as if it were a few receipts more. A sum of long tasks does not
// count for more than one of short ones.
func fit(list []sums, weights []float64, prior speed) speed {
	s := prior
	for range 4 {
		// The normal equations, for what fixed and frame are in proportion to prior's.
		var aa, ab, bb, ay, by float64
		for i, one := range list {
			expected := one.tasks*s.fixed + one.frames*s.frame
			if expected <= 0 {
				continue
			}
			a, b, y := one.tasks*prior.fixed/expected, one.frames*prior.frame/expected, one.seconds/expected
			// One that is very far off counts for less.
			w := weights[i] / max(1, math.Abs(y-1)/2)
			aa, ab, bb, ay, by = aa+w*a*a, ab+w*a*b, bb+w*b*b, ay+w*a*y, by+w*b*y
		}
		const ridge = 0.01
		weak := doubt / (1 + float64(len(list)))
		aa, bb, ay, by = aa+ridge+weak, bb+ridge+weak, ay+ridge+weak, by+ridge+weak
		det := aa*bb - ab*ab
		x, z := (ay*bb-by*ab)/det, (by*aa-ay*ab)/det
		switch {
		case x < 0:
			x, z = 0, by/bb
		case z < 0:
			x, z = ay/aa, 0
		}
		s = speed{fixed: x * prior.fixed, frame: z * prior.frame}
	}
	return s
}

// spread is speeds.spread, of what renders took in proportion to what they were expected to take.
func spread(ratios []float64) float64 {
	n := float64(len(ratios))
	if n == 0 {
		return firstSpread
	}
	slices.Sort(ratios)
	measured := max(0, quantile(ratios, 0.9)/quantile(ratios, 0.5)-1)
	return (measured*n + firstSpread*spreadDoubt) / (n + spreadDoubt)
}

// quantile returns the value below which a part of sorted ones is.
func quantile(sorted []float64, part float64) float64 {
	at := part * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
