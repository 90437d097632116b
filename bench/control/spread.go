package control

import (
	"slices"
	"time"
)

// Spread is how a time is spread over many cases.
type Spread struct {
	Median time.Duration `json:"median_ns"`
	P99    time.Duration `json:"p99_ns"`
	Cases  int           `json:"cases"`
}

func spread(list []time.Duration) Spread {
	if len(list) == 0 {
		return Spread{}
	}
	slices.Sort(list)
	at := func(share float64) time.Duration { return list[min(len(list)-1, int(share*float64(len(list))))] }
	return Spread{Median: at(0.5), P99: at(0.99), Cases: len(list)}
}

// graph is what a render's tasks needed.
type graph struct {
	render          string
	queued, planned int64
	needs           map[string][]string
}

// hops returns the times from the end of the last task that a task needs until it began, and for
// each render those until its first task began, since it was planned and since it was queued.
func hops(graphs []graph, did map[string]taken) (hop, first, queued []time.Duration) {
	for _, g := range graphs {
		var began int64
		for task, needs := range g.needs {
			one, ok := did[task]
			if !ok {
				continue
			}
			if len(needs) == 0 && (began == 0 || one.Began < began) {
				began = one.Began
			}
			var ready int64
			for _, need := range needs {
				ready = max(ready, did[need].Ended)
			}
			if ready > 0 {
				hop = append(hop, time.Duration(one.Began-ready))
			}
		}
		if began > 0 {
			first = append(first, time.Duration(began-g.planned))
			queued = append(queued, time.Duration(began-g.queued))
		}
	}
	return hop, first, queued
}
