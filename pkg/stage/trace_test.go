package stage

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestALogAndAHandlerHaveTheTraceOfTheMessage(t *testing.T) {
	server, ingest := arrange(t)
	var log bytes.Buffer
	traces := make(chan msg.Trace, 2)
	r := work(t, server, ingest, func(c *Config) { c.Log = zerolog.New(zerolog.SyncWriter(&log)) }, func(ctx context.Context, _ *Task) (any, error) {
		traces <- msg.TraceOf(ctx)
		return msg.RecordFacts{}, nil
	})
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, header := range []string{trace, "no trace"} {
		ref := msg.NewRef(msg.Record, uuid.New(), uuid.New())
		data, err := msg.Encode(msg.Task{Ref: ref})
		if err != nil {
			t.Fatal(err)
		}
		_, err = ingest.JS.PublishMsg(t.Context(), &nats.Msg{Subject: msg.TaskSubject(ref), Data: data, Header: nats.Header{msg.HeaderTrace: {header}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := await(t, traces, "a task is handled"); got != msg.ParseTrace(header) {
			t.Errorf("the handler of %q has %q", header, got)
		}
		r.settled()
	}
	r.drain()
	await(t, r.ended, "the worker ends")
	started := 0
	for line := range strings.SplitSeq(log.String(), "\n") {
		if strings.Contains(line, "task started") {
			if has := strings.Contains(line, `"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"`); has != (started == 0) {
				t.Errorf("line %d of those: %s", started, line)
			}
			started++
		}
	}
	if started != 2 {
		t.Errorf("%d tasks are logged: %s", started, log.String())
	}
}
