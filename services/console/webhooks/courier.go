package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/telemetry"
)

const (
	// atOnce bounds the requests of one console, and toEach those to one endpoint, of all consoles.
	atOnce = 256
	toEach = 4
	// poll is how often to look for events.
	poll = time.Second
	// noting bounds how long an answer is kept for a database that is away. Then it is lost, and
	// the message is sent again.
	noting = 15 * time.Second
	// lease is how long a delivery is this console's.
	lease = Timeout + noting + 5*time.Second
	// handingBack bounds giving back what the console broke off when it stops.
	handingBack = 5 * time.Second
	// batch bounds what one statement changes.
	batch = 500
)

// Courier delivers events.
type Courier struct {
	DB      DB
	Policy  egress.Policy
	Keeper  *Keeper
	Metrics *Metrics
	Log     zerolog.Logger
	// Keep is how long events and their deliveries are kept.
	Keep time.Duration
	// Timeout bounds an attempt; at most Timeout.
	Timeout time.Duration
	// Drain bounds how long requests may go on when the courier is told to stop.
	Drain time.Duration
}

// delivery is one that was leased.
type delivery struct {
	ID       uuid.UUID
	Attempt  int
	Failures int
	Event    uuid.UUID
	Type     string
	At       time.Time
	Data     json.RawMessage
	Endpoint uuid.UUID
	URL      string
	Secrets  [][]byte
	// Trace is what the render is part of; empty: nothing.
	Trace string
	// Render is nil for what is about none.
	Render *uuid.UUID
}

// Run delivers until ctx is cancelled, and returns when its requests have ended.
func (c *Courier) Run(ctx context.Context) {
	client := newClient(c.Policy)
	defer client.CloseIdleConnections()
	// Requests outlive ctx, until the drain is over.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var requests sync.WaitGroup
	var broken brokenOff
	slots := make(chan struct{}, atOnce)
	ended := make(chan struct{}, 1)
	var upkeep sync.WaitGroup
	upkeep.Go(func() { c.keep(ctx) })

	outage := retry.Outage{Log: c.Log, Minor: true, Down: "webhooks cannot be delivered: retrying until they can be", Up: "webhooks can be delivered"}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		leased, err := c.due(ctx, atOnce-len(slots))
		if ctx.Err() == nil {
			outage.Note(err)
		}
		for _, d := range leased {
			slots <- struct{}{}
			requests.Go(func() {
				if !c.deliver(sending, client, d) {
					broken.add(d)
				}
				<-slots
				select {
				case ended <- struct{}{}:
				default:
				}
			})
		}
		if len(leased) > 0 {
			fault.Here(fault.DeliveryLeased)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-ended: // its endpoint may have more
		}
	}
	draining := time.AfterFunc(c.Drain, stop)
	requests.Wait()
	draining.Stop()
	c.handBack(ctx, &broken)
	upkeep.Wait()
}

// due makes the deliveries of new events, and leases those that are due.
func (c *Courier) due(ctx context.Context, room int) ([]delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, noting)
	defer cancel()
	for {
		var n int
		if err := c.DB.QueryRow(ctx, "select loom.fan_out_events($1::int)", batch).Scan(&n); err != nil {
			return nil, fmt.Errorf("make deliveries: %w", err)
		}
		if n > 0 {
			fault.Here(fault.DeliveriesMade)
		}
		if n < batch {
			break
		}
	}
	if room == 0 {
		return nil, nil
	}
	rows, _ := c.DB.Query(ctx, `select d.delivery, d.attempt, d.failures, d.event, d.type, d.created_at, d.data, d.endpoint, d.url, d.secrets,
		coalesce((select x.traceparent from loom.webhook_events e join loom.traces x on x.render_id = e.render_id where e.id = d.event), ''),
		(select e.render_id from loom.webhook_events e where e.id = d.event)
		from loom.lease_deliveries($1::int, $2::int, make_interval(secs => $3::float8)) d`, room, toEach, lease.Seconds())
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[delivery])
	if err != nil {
		return nil, fmt.Errorf("lease deliveries: %w", err)
	}
	return list, nil
}

// deliver makes one attempt, and notes what became of it. It returns false when the console stops
// before there is an answer: whether the receiver has the message is not known.
func (c *Courier) deliver(ctx context.Context, client *http.Client, d delivery) bool {
	log := c.Log.With().Stringer("delivery_id", d.ID).Stringer("endpoint_id", d.Endpoint).Int("attempt", d.Attempt).Logger()
	began := time.Now()
	a, err := c.attempt(ctx, client, d)
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		log.Error().Err(err).Msg("a webhook cannot be sent")
		a = answer{reason: "it could not be signed: " + err.Error()}
	}
	fault.Here(fault.DeliverySent)
	state, err := c.settle(ctx, d, a)
	if err != nil {
		log.Error().Err(err).Msg("what became of a webhook could not be noted: it is sent again")
		return true
	}
	fault.Here(fault.DeliveryNoted)
	c.Metrics.attempted(a, state, time.Since(began))
	switch {
	case a.delivered():
		log.Debug().Str("event_id", d.Event.String()).Msg("webhook delivered")
	case state == Dead:
		log.Warn().Str("reason", a.reason).Bool("gone", a.gone()).Msg("webhook given up")
	default:
		log.Info().Str("reason", a.reason).Msg("webhook not delivered: it is tried again")
	}
	return true
}

func (c *Courier) attempt(ctx context.Context, client *http.Client, d delivery) (answer, error) {
	message, err := body(d.Type, d.At, d.Data)
	if err != nil {
		return answer{}, err
	}
	var secrets []Secret
	for _, stored := range d.Secrets {
		s, err := c.Keeper.open(d.Endpoint, stored)
		if err != nil {
			return answer{}, err
		}
		secrets = append(secrets, s)
	}
	if len(secrets) == 0 {
		return answer{}, errors.New("the endpoint has no secret")
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	trace, end := msg.ParseTrace(d.Trace), func(int, bool) {}
	if d.Render != nil {
		trace, end = telemetry.Webhook(ctx, *d.Render, trace, d.Type)
	}
	a, err := send(msg.WithTrace(ctx, trace), client, d.URL, d.Event.String(), secrets, message)
	end(a.status, err == nil && a.delivered())
	return a, err
}

// settle notes what became of an attempt, and retries while the database is away.
func (c *Courier) settle(ctx context.Context, d delivery, a answer) (state string, err error) {
	var again, slow, status, reason any
	if pause, more := pauseAfter(d.Failures, a.retryAfter, rand.Float64()); !a.delivered() && !a.gone() && more {
		again = pause.Seconds()
		if a.overloaded() {
			slow = max(min(pause, longestSlow), min(a.retryAfter, longestWait)).Seconds()
		}
	}
	if a.status != 0 {
		status = a.status
	}
	if !a.delivered() {
		reason = a.reason
	}
	err = retry.Backoff{First: 100 * time.Millisecond, Longest: 2 * time.Second}.Do(ctx, noting, func() error {
		ctx, cancel := context.WithTimeout(ctx, noting/3)
		defer cancel()
		return c.DB.QueryRow(ctx, `select loom.settle_delivery($1::uuid, $2::int, $3::boolean, $4::int, $5::text, $6::text,
			make_interval(secs => $7::float8), make_interval(secs => $8::float8), $9::boolean)`,
			d.ID, d.Attempt, a.delivered(), status, reason, a.body, again, slow, a.gone()).Scan(&state)
	})
	if err != nil {
		return "", fmt.Errorf("note an attempt: %w", err)
	}
	return state, nil
}

// brokenOff are the deliveries whose attempts the console broke off.
type brokenOff struct {
	mu       sync.Mutex
	ids      []uuid.UUID
	attempts []int
}

func (b *brokenOff) add(d delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ids, b.attempts = append(b.ids, d.ID), append(b.attempts, d.Attempt)
}

// handBack gives deliveries back, all at once, so that another console, or the next one, has them
// at once.
func (c *Courier) handBack(ctx context.Context, b *brokenOff) {
	if len(b.ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handingBack)
	defer cancel()
	_, err := c.DB.Exec(ctx, `select loom.hand_back_delivery(d.id, d.attempt) from unnest($1::uuid[], $2::int[]) as d(id, attempt) order by d.id`,
		b.ids, b.attempts)
	if err != nil {
		c.Log.Warn().Err(err).Int("deliveries", len(b.ids)).Msg("webhooks could not be given back: they are sent when their leases have run out")
	}
}
