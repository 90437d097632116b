package pictures

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

const (
	// idleAfter is how long a render is watched after somebody has asked. Recorders are asked again
	// every askEvery, each time for askFor, which is longer: one message may be lost.
	idleAfter, askEvery, askFor = 12 * time.Second, 3 * time.Second, 8 * time.Second
	// rendersMost is how many renders are watched at once, scenesMost how many pictures each has,
	// and bytesMost what all pictures take together.
	rendersMost, scenesMost, bytesMost = 100, 500, 64 << 20
	// sideMost bounds a picture in pixels.
	sideMost = 2048
)

// ErrNone says that there is no picture of a scene: it is not being recorded, or none has come yet.
var ErrNone = errors.New("there is no picture of this scene now")

// Keeper keeps pictures. Its methods may be called by any goroutine.
type Keeper struct {
	nc  *nats.Conn
	db  *pgxpool.Pool
	log zerolog.Logger

	mu      sync.Mutex
	closed  bool
	renders map[uuid.UUID]*watched
	bytes   int
	running sync.WaitGroup
}

// watched is a render that somebody looks at.
type watched struct {
	render uuid.UUID
	asked  time.Time // last
	sub    *nats.Subscription
	quit   chan struct{}
	scenes map[uuid.UUID]Picture // by task
	// came is closed, and made anew, when a picture comes.
	came chan struct{}
}

// Picture is a JPEG, and when it came.
type Picture struct {
	JPEG []byte
	At   time.Time
}

// New returns a keeper. Close ends it.
func New(nc *nats.Conn, db *pgxpool.Pool, log zerolog.Logger) *Keeper {
	return &Keeper{nc: nc, db: db, log: log, renders: map[uuid.UUID]*watched{}}
}

// Close watches nothing any more.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	for _, w := range k.renders {
		k.drop(w)
	}
	k.mu.Unlock()
	k.running.Wait()
}

// taskOf finds the task that records a scene, in the render's newest plan, if the campaign is one
// that may be seen.
const taskOf = `
select t.id, t.state
  from public.renders r join public.campaigns c on c.id = r.campaign_id
  join lateral (select p.id from loom.plans p where p.render_id = r.id order by p.created_at desc limit 1) p on true
  join loom.tasks t on t.plan_id = p.id and t.kind = 'record' and t.seq = $2::int - 1
 where r.id = $1::uuid and ($3::text is null or c.user_id::text = $3::text)`

// OfScene returns the last picture of a scene of a render, counted from 1, and waits a moment for
// the first. Who has no part in the render gets renders.ErrNotFound. It returns ErrNone when there
// is no picture; a nil Keeper has none.
func (k *Keeper) OfScene(ctx context.Context, render uuid.UUID, scene int) (Picture, error) {
	if k == nil {
		return Picture{}, ErrNone
	}
	var task uuid.UUID
	var state string
	err := k.db.QueryRow(ctx, taskOf, render, scene, access.Owner(ctx)).Scan(&task, &state)
	if errors.Is(err, pgx.ErrNoRows) {
		return Picture{}, fmt.Errorf("picture of render %s: %w", render, renders.ErrNotFound)
	}
	if err != nil {
		return Picture{}, fmt.Errorf("picture of render %s: %w", render, err)
	}
	if state != "running" {
		return Picture{}, ErrNone
	}
	return k.last(ctx, render, task, 2*time.Second)
}

// last returns the last picture of a task, and waits for the first for a while.
func (k *Keeper) last(ctx context.Context, render, task uuid.UUID, wait time.Duration) (Picture, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		k.mu.Lock()
		w, err := k.watch(render)
		if err != nil {
			k.mu.Unlock()
			return Picture{}, err
		}
		p, there := w.scenes[task]
		came := w.came
		k.mu.Unlock()
		if there {
			return p, nil
		}
		select {
		case <-came:
		case <-w.quit:
			return Picture{}, ErrNone
		case <-ctx.Done():
			return Picture{}, ErrNone
		}
	}
}

// watch returns a render, which is watched from now on. The caller holds mu.
func (k *Keeper) watch(render uuid.UUID) (*watched, error) {
	if w := k.renders[render]; w != nil {
		w.asked = time.Now()
		return w, nil
	}
	if k.closed {
		return nil, ErrNone
	}
	w := &watched{render: render, asked: time.Now(), quit: make(chan struct{}), scenes: map[uuid.UUID]Picture{}, came: make(chan struct{})}
	sub, err := k.nc.Subscribe(msg.PicturesOf(render), func(m *nats.Msg) { k.take(w, m) })
	if err != nil {
		return nil, fmt.Errorf("listen for pictures: %w", err)
	}
	w.sub = sub
	for len(k.renders) >= rendersMost {
		k.drop(k.stalest(nil))
	}
	k.renders[render] = w
	k.running.Go(func() { k.ask(w) })
	return w, nil
}

// ask asks the recorders for pictures until nobody looks any more.
func (k *Keeper) ask(w *watched) {
	data, err := msg.Encode(msg.Watch{Version: msg.Version, RenderID: w.render, For: msg.Duration(askFor)})
	if err != nil {
		k.log.Error().Err(err).Msg("recorders not asked for pictures")
	}
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		// While there is no connection, who looks sees the last picture.
		_ = k.nc.Publish(msg.WatchSubject(w.render), data)
		select {
		case <-w.quit:
			return
		case <-ticker.C:
		}
		k.mu.Lock()
		if time.Since(w.asked) > idleAfter {
			k.drop(w)
		}
		k.mu.Unlock()
	}
}

// take keeps a picture.
func (k *Keeper) take(w *watched, m *nats.Msg) {
	task, err := uuid.Parse(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
	if err != nil || !isPicture(m.Data) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.renders[w.render] != w {
		return
	}
	before, there := w.scenes[task]
	if !there && len(w.scenes) >= scenesMost {
		return
	}
	k.bytes += len(m.Data) - len(before.JPEG)
	w.scenes[task] = Picture{m.Data, time.Now()}
	for k.bytes > bytesMost {
		other := k.stalest(w)
		if other == nil {
			break // one render alone has less than that
		}
		k.drop(other)
	}
	close(w.came)
	w.came = make(chan struct{})
}

// isPicture reports whether data is a JPEG as recorders send it. They run strangers' pages.
func isPicture(data []byte) bool {
	if len(data) > msg.MaxPicture {
		return false
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	return err == nil && config.Width <= sideMost && config.Height <= sideMost
}

// stalest returns the render that nobody has asked for the longest, but not this one; nil if there
// is no other. The caller holds mu.
func (k *Keeper) stalest(but *watched) (found *watched) {
	for _, w := range k.renders {
		if w != but && (found == nil || w.asked.Before(found.asked)) {
			found = w
		}
	}
	return found
}

// drop forgets a render. The caller holds mu.
func (k *Keeper) drop(w *watched) {
	if k.renders[w.render] != w {
		return
	}
	delete(k.renders, w.render)
	for _, p := range w.scenes {
		k.bytes -= len(p.JPEG)
	}
	_ = w.sub.Unsubscribe() // an error says that the connection is closed
	close(w.quit)
}
