package natsauth_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/natsauth"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

// asker is a worker that has pulled a task, and has been taken over.
type asker struct {
	*nats.Conn
	kind             msg.Kind
	stream, consumer string
	ack              string
	// name is the user's.
	name    string
	cancels chan *nats.Msg
}

func newAsker(t *testing.T, s *site, ingest jetstream.JetStream, name string, kind msg.Kind, consumer string) *asker {
	t.Helper()
	a := &asker{Conn: s.as(name), name: name, kind: kind, stream: kind.Stream(), consumer: consumer}
	if _, err := ingest.Publish(t.Context(), "task."+string(kind)+".r.t", nil); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(a.Conn)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.Consumer(t.Context(), a.stream, consumer)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Next(jetstream.FetchMaxWait(stagetest.Patience))
	if err != nil {
		t.Fatal(err)
	}
	a.ack = m.Reply()
	a.cancels = make(chan *nats.Msg, 1000)
	if _, err = a.ChanSubscribe(msg.AllCancels, a.cancels); err != nil {
		t.Fatal(err)
	}
	return a
}

// ask makes every request that a worker may make, each with every reply subject, and returns when
// all have been answered.
func (a *asker) ask(t *testing.T, replies []string) {
	t.Helper()
	const pull = `{"batch":1,"no_wait":true}`
	of := "." + string(a.kind) + ".r.t"
	for _, request := range []struct{ subject, data string }{
		{"$JS.API.CONSUMER.MSG.NEXT." + a.stream + "." + a.consumer, pull},
		{"$JS.API.CONSUMER.INFO." + a.stream + "." + a.consumer, ""},
		{a.ack, "+WPI"},
		{a.ack, "+WPI unknown"},
		{"grant" + of, "{}"},
		{"heartbeat" + of, "{}"},
		{"result" + of, "{}"},
	} {
		for _, reply := range replies {
			if err := a.PublishRequest(request.subject, reply, []byte(request.data)); err != nil {
				t.Fatal(err)
			}
		}
		// The answer comes after the others'.
		if _, err := a.Request(request.subject, []byte(request.data), stagetest.Patience); err != nil {
			t.Fatalf("%s: %v", request.subject, err)
		}
	}
}

// NATS checks no reply subject, and whoever answers publishes there with rights of its own. So a
// worker that has been taken over could do through JetStream and ingest what it may not do itself.
func TestAnAnswerReachesNothingThatTheAskerMayNotUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ingest := s.as(natsauth.Ingest)
	js, err := jetstream.New(ingest)
	if err != nil {
		t.Fatal(err)
	}
	// An ingest that answers wherever it is told to.
	for _, subject := range []string{msg.AllGrants, msg.AllHeartbeats} {
		if _, err := ingest.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte("{}")) }); err != nil {
			t.Fatal(err)
		}
	}
	askers := []*asker{
		newAsker(t, s, js, natsauth.Recorder, msg.Record, msg.ConsumerRecord),
		newAsker(t, s, js, natsauth.Recorder, msg.Preflight, msg.ConsumerPreflight),
		newAsker(t, s, js, natsauth.Transcoder, msg.Normalize, msg.ConsumerTranscode),
		newAsker(t, s, js, natsauth.Uploader, msg.Upload, msg.ConsumerUpload),
	}
	for _, a := range askers {
		replies := []string{
			"event.r.answer", "ctl.cancel." + a.stream, "task." + string(a.kind) + ".r.answer",
			"$JS.API.STREAM.PURGE." + msg.StreamResults, "$JS.API.STREAM.DELETE." + msg.StreamEvents,
			"$JS.API.CONSUMER.DELETE." + msg.StreamResults + "." + msg.ConsumerConduct,
		}
		for _, other := range askers {
			if other != a {
				of := string(other.kind) + ".r.answer"
				replies = append(replies, "task."+of, "result."+of, other.ack,
					"$JS.API.STREAM.DELETE."+other.stream, "$JS.API.CONSUMER.DELETE."+other.stream+"."+other.consumer)
			}
		}
		a.ask(t, replies)
	}
	for _, a := range askers {
		if err := a.FlushTimeout(stagetest.Patience); err != nil {
			t.Fatal(err)
		}
		for range len(a.cancels) {
			m := <-a.cancels
			own := slices.ContainsFunc(askers, func(o *asker) bool { return o.name == a.name && m.Subject == "ctl.cancel."+o.stream })
			if !own { // of its own account
				t.Errorf("the worker of %s hears %s", a.stream, m.Subject)
			}
		}
	}
	for _, cfg := range msg.Streams(1) {
		stream, err := js.UpdateStream(t.Context(), cfg) // which comes after what was asked before
		if err != nil {
			t.Errorf("stream %s: %v", cfg.Name, err)
			continue
		}
		info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(">"))
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Name != msg.StreamEvents && info.State.Msgs == 0 {
			t.Errorf("stream %s is empty", cfg.Name)
		}
		for subject := range info.State.Subjects {
			if strings.HasSuffix(subject, ".answer") {
				t.Errorf("stream %s has an answer at %s", cfg.Name, subject)
			}
		}
		if cfg.Name != msg.StreamEvents && info.State.Consumers != 1 {
			t.Errorf("stream %s has %d consumers", cfg.Name, info.State.Consumers)
		}
	}
}

// Workers answer from three accounts, several in each.
func TestAnObserverFindsAllWorkers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	there := []string{natsauth.Recorder, natsauth.Recorder, natsauth.Transcoder, natsauth.Uploader}
	for _, name := range there {
		nc := s.as(name)
		_, err := nc.Subscribe("$SRV.INFO", func(m *nats.Msg) { _ = m.Respond([]byte(name)) })
		if err == nil {
			err = nc.FlushTimeout(stagetest.Patience)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	observer := s.as(natsauth.Observer)
	answers, err := observer.SubscribeSync(observer.NewInbox())
	if err == nil {
		err = observer.PublishRequest("$SRV.INFO", answers.Subject, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for range there {
		m, err := answers.NextMsg(stagetest.Patience)
		if err != nil {
			t.Fatalf("found %v, then %v", found, err)
		}
		found[string(m.Data)]++
	}
	if found[natsauth.Recorder] != 2 || len(found) != 3 {
		t.Errorf("found %v", found)
	}
}
