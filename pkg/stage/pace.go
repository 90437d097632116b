package stage

import "time"

// pace holds a worker's timeouts and pauses.
type pace struct {
	// bind and bindMax are the first and the longest pause before a worker looks again for a
	// consumer that is not there.
	bind, bindMax time.Duration
	// request bounds the wait for one answer to a grant or heartbeat request.
	request time.Duration
	// requests is how often a grant is requested before the message goes back.
	requests int
	// again is how long a message goes back for when nobody answers; foreign, when another release
	// must take it.
	again, foreign time.Duration
	// foreignKept is how old a message for another release is when ingest gets a copy of it. An
	// upgrade is over by then.
	foreignKept time.Duration
	// overWithin is how long a handler may go on once its attempt was cancelled: see Alive.
	overWithin time.Duration
	// laterMax bounds what ingest may ask a worker to wait.
	laterMax time.Duration
	// silence is how often JetStream sends a heartbeat on an idle pull. After twice that without
	// one, the worker pulls again.
	silence time.Duration
	// publish is the pause between tries to publish a result; farewell, how long trying goes on
	// once the drain is over.
	publish, farewell time.Duration
	// bundle bounds the upload of a failure bundle. The failure is reported afterwards.
	bundle time.Duration
}

func (p *pace) fill() {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&p.bind, 100*time.Millisecond)
	set(&p.bindMax, 2*time.Second)
	set(&p.request, 3*time.Second)
	set(&p.again, 3*time.Second)
	set(&p.foreign, 15*time.Second)
	set(&p.foreignKept, 10*time.Minute)
	set(&p.overWithin, 10*time.Minute)
	set(&p.laterMax, 30*time.Second)
	set(&p.silence, 2*time.Second)
	set(&p.publish, 500*time.Millisecond)
	set(&p.farewell, 5*time.Second)
	set(&p.bundle, 15*time.Second)
	if p.requests == 0 {
		p.requests = 20
	}
}
