package msg

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Streams.
const (
	StreamRecord    = "RECORD"
	StreamTranscode = "TRANSCODE"
	StreamUpload    = "UPLOAD"
	StreamPreflight = "PREFLIGHT"
	StreamResults   = "RESULTS"
	StreamEvents    = "EVENTS"
)

// Durable consumers: one for each stage, named by its verb, shared by its replicas.
const (
	ConsumerRecord    = "record"
	ConsumerTranscode = "transcode"
	ConsumerUpload    = "upload"
	ConsumerPreflight = "preflight"
	ConsumerConduct   = "conduct"
)

// Streams returns the configuration of every stream. Only ingest creates them. replicas is 1 on a
// single server, 3 in a cluster.
func Streams(replicas int) []jetstream.StreamConfig {
	// One message per subject, refusing a second: a task that is queued or in flight cannot be
	// queued again.
	queue := func(name, description string, kinds ...Kind) jetstream.StreamConfig {
		cfg := jetstream.StreamConfig{
			Name: name, Description: description, Replicas: replicas,
			Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, AllowDirect: true,
			MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
			MaxMsgSize: MaxSize,
		}
		for _, k := range kinds {
			cfg.Subjects = append(cfg.Subjects, "task."+string(k)+".*.*")
		}
		return cfg
	}
	return []jetstream.StreamConfig{
		queue(StreamRecord, "scenes to record", Record),
		queue(StreamTranscode, "facecams to probe, watermarks to draw, scenes to normalize, segments to concat, sound to overlay",
			Probe, Draw, Normalize, Concat, Overlay),
		queue(StreamUpload, "videos to store", Upload),
		// A stream of its own, so that no page waits behind scenes to record.
		queue(StreamPreflight, "pages to open once", Preflight),
		{
			Name: StreamResults, Description: "how attempts ended", Replicas: replicas,
			Subjects:  []string{"result.*.*.*"},
			Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, AllowDirect: true,
			MaxMsgSize: MaxSize,
		},
		{
			Name: StreamEvents, Description: "what happened to renders, for watchers", Replicas: replicas,
			Subjects:  []string{"event.*.*"},
			Retention: jetstream.LimitsPolicy, Storage: jetstream.MemoryStorage, AllowDirect: true,
			MaxAge: 24 * time.Hour, MaxBytes: 64 << 20, Discard: jetstream.DiscardOld,
		},
	}
}

// Consumers returns the durable consumers by stream. ackWait is how long a delivery may stay silent
// before it goes to another replica; it should be the lease's length.
func Consumers(ackWait time.Duration) map[string]jetstream.ConsumerConfig {
	pull := func(name, description string) jetstream.ConsumerConfig {
		return jetstream.ConsumerConfig{
			Durable: name, Description: description,
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
			// Deliveries are no attempts: Postgres counts those. And a message past MaxDeliver
			// would block its subject.
			MaxDeliver: -1, MaxAckPending: -1,
		}
	}
	return map[string]jetstream.ConsumerConfig{
		StreamRecord:    pull(ConsumerRecord, "recorder replicas"),
		StreamTranscode: pull(ConsumerTranscode, "transcoder replicas"),
		StreamUpload:    pull(ConsumerUpload, "uploader replicas"),
		StreamPreflight: pull(ConsumerPreflight, "recorder replicas"),
		StreamResults:   pull(ConsumerConduct, "ingest replicas"),
	}
}
