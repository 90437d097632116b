package faults

import (
	"context"
	"time"
)

// natsKills kills the NATS server again and again.
var natsKills = Fault{
	Name: "nats kills", What: "kill -9 of NATS, 50 times", Ingests: 2, Recorders: 2, Transcoders: 2, Unharmed: true, EventsLost: true,
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 6)
		for range r.times(50) {
			pause(ctx, r.between(200*time.Millisecond, 4*time.Second))
			if err := r.nats.kill(); err != nil {
				return err
			}
			r.count("kill -9 of NATS", 1)
			pause(ctx, r.between(0, 2*time.Second))
			if err := r.nats.start(ctx); err != nil {
				return err
			}
		}
		return stop()
	},
}

// natsWipes takes everything from NATS: while it is down and while it runs.
var natsWipes = Fault{
	Name: "nats wipes", What: "NATS loses all that it has: once while it is down, once while it runs", Ingests: 2, Recorders: 2, Transcoders: 2,
	Unharmed: true, EventsLost: true, Short: 1,
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 6)
		for _, running := range []bool{false, true} {
			pause(ctx, r.between(time.Second, 3*time.Second))
			if !running {
				if err := r.nats.kill(); err != nil {
					return err
				}
			}
			if err := r.nats.wipe(); err != nil {
				return err
			}
			r.count("wiped", 1)
			if running {
				// The server does not notice. What it has not stored it does not answer, until it
				// is started again.
				pause(ctx, r.between(time.Second, 3*time.Second))
				if err := r.nats.kill(); err != nil {
					return err
				}
			}
			if err := r.nats.start(ctx); err != nil {
				return err
			}
			pause(ctx, r.between(time.Second, 2*time.Second))
		}
		return stop()
	},
}

// postgresRefuses has Postgres refuse all connections.
var postgresRefuses = Fault{
	Name: "postgres refuses", What: "Postgres refuses connections for 60 s", Ingests: 2, Recorders: 2, Transcoders: 2, Unharmed: true,
	Do: func(ctx context.Context, r *Run) error {
		return r.withoutPostgres(ctx, (*link).refuse)
	},
}

// postgresHangs has Postgres take connections and queries, and answer none.
var postgresHangs = Fault{
	Name: "postgres hangs", What: "Postgres accepts and never answers for 60 s", Ingests: 2, Recorders: 2, Transcoders: 2, Unharmed: true,
	Do: func(ctx context.Context, r *Run) error {
		return r.withoutPostgres(ctx, func(l *link) error { return l.drop(toServer, fromServer) })
	},
}

// withoutPostgres harms every link to Postgres for a minute.
func (r *Run) withoutPostgres(ctx context.Context, harm func(*link) error) error {
	stop := r.feed(ctx, 8)
	pause(ctx, r.between(time.Second, 3*time.Second))
	for _, p := range r.replicas {
		if p.postgres != nil {
			if err := harm(p.postgres); err != nil {
				return err
			}
		}
	}
	r.count("outages", 1)
	pause(ctx, r.lasting(time.Minute, longLease+2*time.Second))
	for _, p := range r.replicas {
		if err := p.heal(ctx); err != nil {
			return err
		}
	}
	pause(ctx, 3*time.Second)
	return stop()
}

// cutOff cuts one worker off from everything.
var cutOff = Fault{
	Name: "cut off", What: "a worker's connections carry nothing for 90 s: not to the servers, not from them, neither", Ingests: 1,
	Recorders: 2, Transcoders: 2, Uploaders: 2, Retries: endless,
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 6)
		for _, directions := range [][]string{{toServer}, {fromServer}, {toServer, fromServer}} {
			kinds := []string{"recorder", "transcoder", "uploader"}
			p := r.of(kinds[r.rng.IntN(len(kinds))])[0]
			pause(ctx, r.between(time.Second, 3*time.Second))
			for _, l := range p.links() {
				if err := l.drop(directions...); err != nil {
					return err
				}
			}
			r.count("cut off", 1)
			pause(ctx, r.lasting(90*time.Second, 2*lease))
			if err := p.heal(ctx); err != nil {
				return err
			}
		}
		return stop()
	},
}

// badStore has the store answer some calls badly.
var badStore = Fault{
	Name: "bad store", What: "10 % of the calls to the store get 503, no answer, a slow or half an answer, or are carried out unheard",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2, Retries: 3,
	Do: func(ctx context.Context, r *Run) error {
		r.objects.misbehave(r.another(), 0.1)
		stop := r.feed(ctx, 10)
		pause(ctx, r.lasting(2*time.Minute, 5*time.Second))
		err := stop()
		r.count("bad answers", r.objects.bad())
		return err
	},
}
