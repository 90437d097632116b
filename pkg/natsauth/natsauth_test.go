package natsauth_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/natsauth"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// site is a server with an installation's users, and ingest's streams.
type site struct {
	t      *testing.T
	dir    string
	server *stagetest.NATS
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.write()
	s.server = stagetest.StartNATSWith(t, s.config())
	js, err := jetstream.New(s.as(natsauth.Ingest))
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range msg.Streams(1) {
		if _, err := js.CreateOrUpdateStream(t.Context(), cfg); err != nil {
			t.Fatalf("ingest makes %s: %v", cfg.Name, err)
		}
	}
	for stream, cfg := range msg.Consumers(time.Minute) {
		if _, err := js.CreateOrUpdateConsumer(t.Context(), stream, cfg); err != nil {
			t.Fatalf("ingest makes the consumer of %s: %v", stream, err)
		}
	}
	return s
}

func (s *site) write() (made []string) {
	s.t.Helper()
	made, err := natsauth.Write(s.dir, natsauth.Account)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

func (s *site) config() string {
	s.t.Helper()
	account, err := os.ReadFile(filepath.Join(s.dir, natsauth.AccountFile))
	if err != nil {
		s.t.Fatal(err)
	}
	return "accounts {\n" + string(account) + "}\n"
}

// as connects as a user, with inboxes of its own name.
func (s *site) as(name string) *nats.Conn {
	s.t.Helper()
	return s.server.ConnectAs(s.t, name, filepath.Join(s.dir, natsauth.SeedFile(name)), zerolog.Nop())
}

// refused reports whether the server refuses what do asks of it.
func refused(t *testing.T, nc *nats.Conn, do func() error) bool {
	t.Helper()
	before := nc.LastError()
	err := do()
	if err == nil {
		err = nc.FlushTimeout(stagetest.Patience)
	}
	if err != nil {
		t.Fatal(err)
	}
	after := nc.LastError()
	return errors.Is(after, nats.ErrPermissionViolation) && !errors.Is(after, before)
}

// What a service must not do, whatever its process has been made to try. A worker's own subjects
// are tested in pkg/stage, ingest's in e2e.
func TestEachServiceIsRefusedWhatItHasNoPartIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	everybody := []string{natsauth.Ingest, natsauth.Recorder, natsauth.Transcoder, natsauth.Uploader, natsauth.Console, natsauth.Observer}
	workers := []string{natsauth.Recorder, natsauth.Transcoder, natsauth.Uploader}
	but := func(names []string, name string) (others []string) {
		for _, n := range names {
			if n != name {
				others = append(others, n)
			}
		}
		return others
	}
	type rule struct {
		who                []string
		publish, subscribe string
	}
	rules := []rule{
		{who: everybody, publish: "anything"},
		{who: everybody, subscribe: ">"},
		{who: everybody, subscribe: "task.>"},
		{who: everybody, subscribe: "result.>"},
		{who: everybody, subscribe: "_R_.>"}, // the answers to workers
		{who: everybody, publish: "$SYS.REQ.SERVER.PING"},
		{who: everybody, publish: "$JS.API.STREAM.CREATE.OTHER"},
		{who: but(everybody, natsauth.Ingest), subscribe: "grant.>"},
		{who: but(everybody, natsauth.Ingest), subscribe: "heartbeat.>"},
		{who: but(everybody, natsauth.Ingest), subscribe: "_INBOX.ingest.>"},
		{who: but(everybody, natsauth.Ingest), publish: "ctl.cancel.r"},
		{who: but(everybody, natsauth.Ingest), publish: "event.r.ended"},
		{who: everybody, publish: "_INBOX.recorder.x"},
		{who: but(everybody, natsauth.Observer), publish: "$JS.API.STREAM.LIST"},
		{who: []string{natsauth.Console}, publish: "event.r.progress"},
		{who: []string{natsauth.Console}, publish: "$JS.API.INFO"},
		{who: workers, subscribe: "event.>"},
		{who: but(everybody, natsauth.Console), publish: "ctl.watch.r"},
		{who: but(everybody, natsauth.Recorder), publish: "picture.r.t"},
		{who: but(everybody, natsauth.Console), subscribe: msg.AllPictures},
		{who: []string{natsauth.Transcoder, natsauth.Uploader, natsauth.Observer}, subscribe: msg.AllWatches},
		{who: workers, subscribe: "$SRV.>"},
		{who: []string{natsauth.Ingest, natsauth.Console, natsauth.Observer}, publish: "result.record.r.t"},
		{who: []string{natsauth.Ingest, natsauth.Console, natsauth.Observer}, publish: "grant.record.r.t"},
	}
	for worker, kinds := range map[string][]msg.Kind{
		natsauth.Recorder:   {msg.Record, msg.Preflight},
		natsauth.Transcoder: {msg.Probe, msg.Draw, msg.Normalize, msg.Concat, msg.Overlay},
		natsauth.Uploader:   {msg.Upload},
	} {
		rules = append(rules, rule{who: but(everybody, worker), subscribe: "_INBOX." + worker + ".>"})
		for _, kind := range kinds {
			stream, consumer := kind.Stream(), map[string]string{
				msg.StreamRecord: msg.ConsumerRecord, msg.StreamTranscode: msg.ConsumerTranscode, msg.StreamUpload: msg.ConsumerUpload,
				msg.StreamPreflight: msg.ConsumerPreflight,
			}[kind.Stream()]
			rules = append(rules,
				rule{who: but(everybody, natsauth.Ingest), publish: "task." + string(kind) + ".r.t"},
				rule{who: but(workers, worker), publish: "grant." + string(kind) + ".r.t"},
				rule{who: but(workers, worker), publish: "heartbeat." + string(kind) + ".r.t"},
				rule{who: but(workers, worker), publish: "result." + string(kind) + ".r.t"},
				rule{who: but(everybody, worker), publish: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer},
				rule{who: but(everybody, worker), publish: "$JS.ACK." + stream + "." + consumer + ".1.1.1.1.0"},
			)
		}
	}
	for _, stream := range msg.Streams(1) {
		for _, verb := range []string{"CREATE", "UPDATE", "DELETE", "PURGE", "SNAPSHOT", "MSG.DELETE"} {
			rules = append(rules, rule{who: but(everybody, natsauth.Ingest), publish: "$JS.API.STREAM." + verb + "." + stream.Name})
		}
		rules = append(rules, rule{who: workers, publish: "$JS.API.STREAM.MSG.GET." + stream.Name},
			rule{who: workers, publish: "$JS.API.DIRECT.GET." + stream.Name},
			rule{who: but(everybody, natsauth.Ingest), publish: "$JS.API.CONSUMER.CREATE." + stream.Name + ".other"},
			rule{who: but(everybody, natsauth.Ingest), publish: "$JS.API.CONSUMER.DELETE." + stream.Name + ".record"})
	}
	conns := map[string]*nats.Conn{}
	for _, name := range everybody {
		conns[name] = s.as(name)
	}
	for _, r := range rules {
		for _, name := range r.who {
			nc := conns[name]
			if r.publish != "" && !refused(t, nc, func() error { return nc.Publish(r.publish, nil) }) {
				t.Errorf("%s may publish to %s", name, r.publish)
			}
			if r.subscribe != "" && !refused(t, nc, func() error {
				_, err := nc.SubscribeSync(r.subscribe)
				return err
			}) {
				t.Errorf("%s may subscribe to %s", name, r.subscribe)
			}
		}
	}
}

func TestWhoHasNoKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, err := nats.Connect(s.server.URL())
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without a key: %v", err)
	}
}

// Other applications on the server see nothing of loom-lite, whatever they may do in their account.
func TestOtherAccountsAreApart(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir()}
	s.write()
	s.server = stagetest.StartNATSWith(t, strings.Replace(s.config(), "accounts {\n",
		"accounts {\n OTHER { jetstream: enabled, users: [{user: other, password: other}] }\n", 1))
	other, err := nats.Connect(s.server.URL(), nats.UserInfo("other", "other"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	all, err := other.SubscribeSync(">")
	if err == nil {
		err = other.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	ingest := s.as(natsauth.Ingest)
	if err := errors.Join(ingest.Publish("event.r.planned", nil), ingest.Flush(), other.Publish("own", nil)); err != nil {
		t.Fatal(err)
	}
	if m, err := all.NextMsg(stagetest.Patience); err != nil || m.Subject != "own" {
		t.Errorf("another account sees %+v, %v", m, err)
	}
}

func TestKeysThatAreThereAreKept(t *testing.T) {
	s := &site{t: t, dir: t.TempDir()}
	if made := s.write(); len(made) != len(natsauth.Names()) {
		t.Errorf("at first it made %v", made)
	}
	before := s.config()
	if made := s.write(); len(made) != 0 || s.config() != before {
		t.Errorf("again, it made %v", made)
	}
	if err := os.Remove(filepath.Join(s.dir, natsauth.SeedFile(natsauth.Recorder))); err != nil {
		t.Fatal(err)
	}
	if made := s.write(); len(made) != 1 || made[0] != "recorder.nk" || s.config() == before {
		t.Errorf("without the recorder's key, it made %v", made)
	}
	for _, name := range natsauth.Names() {
		path := filepath.Join(s.dir, natsauth.SeedFile(name))
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		seed, err := os.ReadFile(path)
		if err != nil || strings.Contains(s.config(), strings.TrimSpace(string(seed))) {
			t.Errorf("the server's file holds the seed of %s, %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.dir, natsauth.SeedFile(natsauth.Ingest)), []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := natsauth.Write(s.dir, natsauth.Account); err == nil {
		t.Error("a file that holds no seed was overwritten or accepted")
	}
}

// The recorder has an account of its own, and both ways lead through it.
func TestPicturesComeFromTheRecorderToWhoAsksForThem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	console, recorder := s.as(natsauth.Console), s.as(natsauth.Recorder)
	asked, err := recorder.SubscribeSync(msg.AllWatches)
	if err != nil {
		t.Fatal(err)
	}
	got, err := console.SubscribeSync("picture.r.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, nc := range []*nats.Conn{recorder, console} {
		if err := nc.FlushTimeout(stagetest.Patience); err != nil {
			t.Fatal(err)
		}
	}
	if err := console.Publish("ctl.watch.r", []byte("w")); err != nil {
		t.Fatal(err)
	}
	if m, err := asked.NextMsg(stagetest.Patience); err != nil || string(m.Data) != "w" {
		t.Fatalf("the recorder is asked %v, %v", m, err)
	}
	for _, data := range []string{"1", "2"} {
		if err := recorder.Publish("picture.r.t", []byte(data)); err != nil {
			t.Fatal(err)
		}
		if m, err := got.NextMsg(stagetest.Patience); err != nil || string(m.Data) != data || m.Subject != "picture.r.t" {
			t.Fatalf("the console has %v, %v", m, err)
		}
	}
}
