package stage

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// report publishes a result and returns when its stream has confirmed it. It retries while NATS is
// away or the stream does not exist yet, until ingest no longer wants the attempt, or the drain has
// ended and a few more seconds have passed.
func (l *lease) report(result msg.Result) error {
	data, err := msg.Encode(result)
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(l.unwanted, cancel)()
	defer context.AfterFunc(l.working, func() {
		timer := time.AfterFunc(l.worker.pace.farewell, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})()
	outage := retry.Outage{
		Backoff: retry.Backoff{First: l.worker.pace.publish, Longest: l.worker.pace.publish}, Log: l.log, Minor: true,
		Down: "result cannot be delivered yet: retrying", Up: "result delivered",
	}
	var last error
	err = outage.Until(ctx, func() error {
		last = l.worker.publish(ctx, result, data)
		return last
	})
	if err != nil {
		return fmt.Errorf("publish result: %w", last)
	}
	return nil
}

func (w *Worker) publish(ctx context.Context, result msg.Result, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, w.pace.request)
	defer cancel()
	named := service.Refusals(w.nc)
	// An attempt has one result; the id keeps a repeated publish from being two messages.
	_, err := w.js.Publish(ctx, msg.ResultSubject(result.Ref), data,
		jetstream.WithMsgID(fmt.Sprintf("%s/%d", result.TaskID, result.Attempt)),
		jetstream.WithExpectStream(msg.StreamResults))
	return named(err)
}
