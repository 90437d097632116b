package stage

import (
	"context"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// transcodes makes a worker's config one of a transcoder with one slot.
func transcodes(fetches int, probe, normalize HandlerFunc) func(*Config) {
	return func(c *Config) {
		c.Verb, c.Slots, c.Fetches = msg.ConsumerTranscode, 1, fetches
		c.Handlers = map[msg.Kind]Handler{msg.Probe: probe, msg.Normalize: normalize}
	}
}

// However many wait for strangers' servers, who needs a slot has one, and who fetches has a place
// as soon as one is free.
func TestWhatFetchesTakesNoSlot(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	const fetches, probes = 2, 5
	fetching, arrive := make(chan struct{}, probes), make(chan struct{})
	r := work(t, server, ingest, transcodes(fetches, func(context.Context, *Task) (any, error) {
		fetching <- struct{}{}
		<-arrive
		return nil, nil
	}, func(context.Context, *Task) (any, error) { return nil, nil }), nil)
	for range probes {
		r.Publish(msg.Probe)
	}
	await(t, fetching, "one fetches")
	await(t, fetching, "another fetches")
	for range 3 {
		ref := r.Publish(msg.Normalize)
		if result := r.Result(); result.TaskID != ref.TaskID || result.Outcome != msg.Done {
			t.Errorf("%s of %s ended, %s; want %s of %s", result.Kind, result.TaskID, result.Outcome, msg.Normalize, ref.TaskID)
		}
	}
	// Those that there is no place for go back again and again, and nobody asks for them.
	consumer, err := r.JS.Consumer(t.Context(), msg.StreamTranscode, msg.ConsumerTranscode)
	if err != nil {
		t.Fatal(err)
	}
	r.Until("all have been delivered, and some again", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.Delivered.Consumer > probes+3+2
	})
	if len(fetching) > 0 || len(r.Grants) != fetches+3 {
		t.Errorf("%d more fetch, and %d were asked for", len(fetching), len(r.Grants))
	}
	close(arrive)
	for range probes {
		if result := r.Result(); result.Kind != msg.Probe || result.Outcome != msg.Done {
			t.Errorf("%s %s", result.Kind, result.Outcome)
		}
	}
	r.Until("all messages are acknowledged", func() bool { return r.Waiting(msg.StreamTranscode) == 0 })
}

func TestADrainWaitsForWhatFetches(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	fetching, arrive := make(chan struct{}, 1), make(chan struct{})
	r := work(t, server, ingest, transcodes(1, func(context.Context, *Task) (any, error) {
		fetching <- struct{}{}
		<-arrive
		return nil, nil
	}, never(t)), nil)
	r.Publish(msg.Probe)
	await(t, fetching, "one fetches")
	r.drain()
	close(arrive)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
	await(t, r.ended, "the worker ends")
}
