// Command idle runs workers of every stage that do no work. The benchmark of control uses it. It is
// built against the tree that is measured, so it uses only what older trees have too.
//
// It prints one line of JSON for each task when it ends.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// taken is when a handler began and ended its task, in Unix nanoseconds.
type taken struct {
	Task  string `json:"task"`
	Began int64  `json:"began"`
	Ended int64  `json:"ended"`
}

// idle is the handler of all kinds.
type idle struct {
	hold time.Duration
	db   *pgxpool.Pool
	mu   sync.Mutex
	list []taken
}

// Handle implements stage.Handler.
func (i *idle) Handle(ctx context.Context, t *stage.Task) (any, error) {
	one := taken{Task: t.TaskID.String(), Began: time.Now().UnixNano()}
	if i.hold > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(i.hold):
		}
	}
	if t.Kind == msg.Upload {
		// The uploader closes the render itself.
		_, err := i.db.Exec(ctx, "select loom.finish_render($1::text::uuid, $2::int, 'http://videos/v.mp4', 'http://thumbnails/t.jpg', '{}'::jsonb)",
			one.Task, t.Attempt)
		if err != nil {
			return nil, fmt.Errorf("close the render: %w", err)
		}
	}
	one.Ended = time.Now().UnixNano()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.list = append(i.list, one)
	return map[string]int{"frames": 1}, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "idle: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	name := flag.String("name", "idle", "what this worker is called")
	slots := flag.Int("slots", 8, "slots of each stage")
	hold := flag.Duration("hold", 0, "how long each task takes")
	flag.Parse()
	db, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer db.Close()
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	h := &idle{hold: *hold, db: db}
	var stages sync.WaitGroup
	errs := make([]error, 3)
	for i, kinds := range [][]msg.Kind{{msg.Record}, {msg.Probe, msg.Normalize, msg.Concat, msg.Overlay}, {msg.Upload}} {
		verb := []string{msg.ConsumerRecord, msg.ConsumerTranscode, msg.ConsumerUpload}[i]
		handlers := map[msg.Kind]stage.Handler{}
		for _, kind := range kinds {
			handlers[kind] = h
		}
		worker, err := stage.New(nc, stage.Config{
			Verb: verb, Handlers: handlers, Slots: *slots, Fetches: *slots, WorkerID: *name, Drain: time.Second, Log: zerolog.Nop(),
		})
		if err != nil {
			return err
		}
		stages.Go(func() { errs[i] = worker.Run(ctx) })
	}
	stages.Wait()
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for _, one := range h.list {
		if err := encoder.Encode(one); err != nil {
			return err
		}
	}
	return errors.Join(errors.Join(errs...), out.Flush())
}
