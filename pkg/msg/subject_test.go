package msg_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestSubjects(t *testing.T) {
	const tail = ".record.01900000-0000-7000-8000-000000000001.01900000-0000-7000-8000-000000000002"
	for got, want := range map[string]string{
		msg.TaskSubject(ref(msg.Record)):           "task" + tail,
		msg.GrantSubject(ref(msg.Record)):          "grant" + tail,
		msg.HeartbeatSubject(ref(msg.Record)):      "heartbeat" + tail,
		msg.ResultSubject(ref(msg.Record)):         "result" + tail,
		msg.CancelSubject(renderID):                "ctl.cancel." + renderID.String(),
		msg.EventSubject(renderID, msg.EventEnded): "event." + renderID.String() + ".ended",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestStreamsOfKinds(t *testing.T) {
	for kind, want := range map[msg.Kind]string{
		msg.Record: msg.StreamRecord, msg.Probe: msg.StreamTranscode, msg.Draw: msg.StreamTranscode, msg.Normalize: msg.StreamTranscode,
		msg.Concat: msg.StreamTranscode, msg.Overlay: msg.StreamTranscode, msg.Upload: msg.StreamUpload,
		msg.Preflight: msg.StreamPreflight,
	} {
		if got := kind.Stream(); got != want || !kind.Valid() {
			t.Errorf("%s is of stream %s, want %s", kind, got, want)
		}
	}
	if msg.Kind("paint").Valid() {
		t.Error("any kind is valid")
	}
}

// matches says whether a subject matches a pattern, as NATS has it.
func matches(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range p {
		if token == ">" {
			return len(s) > i
		}
		if i >= len(s) || token != "*" && token != s[i] {
			return false
		}
	}
	return len(p) == len(s)
}

func streamsOf(subject string) (names []string) {
	for _, cfg := range msg.Streams(1) {
		if slices.ContainsFunc(cfg.Subjects, func(p string) bool { return matches(p, subject) }) {
			names = append(names, cfg.Name)
		}
	}
	return names
}

func TestEverySubjectIsOfTheOneStreamThatIsMeant(t *testing.T) {
	for _, kind := range msg.AllKinds() {
		for subject, want := range map[string][]string{
			msg.TaskSubject(ref(kind)):      {kind.Stream()},
			msg.ResultSubject(ref(kind)):    {msg.StreamResults},
			msg.GrantSubject(ref(kind)):     nil,
			msg.HeartbeatSubject(ref(kind)): nil,
		} {
			if got := streamsOf(subject); !slices.Equal(got, want) {
				t.Errorf("%s is of %v, want %v", subject, got, want)
			}
		}
		if !matches(msg.TasksOf(renderID), msg.TaskSubject(ref(kind))) {
			t.Errorf("tasks of kind %s are not the render's", kind)
		}
		if !matches(msg.AllGrants, msg.GrantSubject(ref(kind))) || !matches(msg.AllHeartbeats, msg.HeartbeatSubject(ref(kind))) {
			t.Errorf("requests about %s are not subscribed to", kind)
		}
	}
	if got := streamsOf(msg.EventSubject(renderID, msg.EventPlanned)); !slices.Equal(got, []string{msg.StreamEvents}) {
		t.Errorf("events are of %v", got)
	}
	if !matches(msg.AllCancels, msg.CancelSubject(renderID)) || len(streamsOf(msg.CancelSubject(renderID))) != 0 {
		t.Error("cancels are not broadcast alone")
	}
}

// The settings that keep a work queue from losing or repeating tasks.
func TestStreamsAndConsumersAvoidTheTraps(t *testing.T) {
	consumers := msg.Consumers(30 * time.Second)
	for _, cfg := range msg.Streams(3) {
		if cfg.Replicas != 3 {
			t.Errorf("%s has %d replicas", cfg.Name, cfg.Replicas)
		}
		queue := cfg.Name != msg.StreamEvents
		if queue != (cfg.Retention == jetstream.WorkQueuePolicy) || queue != (cfg.Storage == jetstream.FileStorage) {
			t.Errorf("%s: retention %s, storage %s", cfg.Name, cfg.Retention, cfg.Storage)
		}
		tasks := queue && cfg.Name != msg.StreamResults
		if tasks != (cfg.MaxMsgsPerSubject == 1 && cfg.Discard == jetstream.DiscardNew && cfg.DiscardNewPerSubject) {
			t.Errorf("%s: a task can be queued twice, or a result not be", cfg.Name)
		}
		consumer, found := consumers[cfg.Name]
		if found != queue {
			t.Errorf("%s has a consumer: %v", cfg.Name, found)
		}
		if found && (consumer.AckWait != 30*time.Second || consumer.MaxDeliver != -1 || consumer.MaxAckPending != -1 ||
			len(consumer.BackOff) != 0 || consumer.AckPolicy != jetstream.AckExplicitPolicy || consumer.Durable == "") {
			t.Errorf("%s's consumer is %+v", cfg.Name, consumer)
		}
	}
}
