package transcoder

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/egress"
	shown "github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fetch"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, stagetest.Ours()...) }

// bench is a transcoder for tests of its handlers, with a fake S3.
type bench struct {
	Transcoder
	store *objects
	url   string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	mediatest.NeedFFmpeg(t)
	store := &objects{data: map[string][]byte{}}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	policy, err := egress.Parse("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	client := policy.Client()
	t.Cleanup(client.CloseIdleConnections)
	return &bench{
		store: store, url: server.URL,
		Transcoder: Transcoder{
			tools: mediatest.Tools, threads: 2,
			facecams:   fetch.Fetcher{Client: client, Subject: fetch.Facecam, MaxBytes: 64 << 20, Timeout: time.Minute},
			watermarks: fetch.Fetcher{Client: client, Subject: fetch.Watermark, MaxBytes: 1 << 20, Timeout: time.Minute},
		},
	}
}

// objects is a store of objects behind presigned URLs.
type objects struct {
	mu   sync.Mutex
	data map[string][]byte
}

func (o *objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		o.data[r.URL.Path] = data
	default:
		data, ok := o.data[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}
}

func (o *objects) get(t *testing.T, key string) []byte {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	data, ok := o.data["/"+key]
	if !ok {
		t.Fatalf("nothing was stored as %s", key)
	}
	return data
}

func (o *objects) has(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.data["/"+key]
	return ok
}

func (o *objects) remove(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.data, "/"+key)
}

func (o *objects) put(key string, data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.data["/"+key] = data
}

// run calls the handler with a task whose inputs are in the store. Outputs go to keys
// "<kind>/<name>".
func (b *bench) run(t *testing.T, kind msg.Kind, params any, inputs map[string]msg.Input, outputs ...string) (any, error) {
	t.Helper()
	raw, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	grant := msg.Grant{
		Ref: msg.NewRef(kind, uuid.New(), uuid.New()), Attempt: 1, Params: raw,
		Inputs: map[string]msg.Input{}, Outputs: map[string]msg.Output{},
	}
	for name, input := range inputs {
		input.URL = msg.SignedURL(b.url + "/" + input.Key)
		grant.Inputs[name] = input
	}
	for _, name := range outputs {
		key := string(kind) + "/" + name
		grant.Outputs[name] = msg.Output{Key: key, URL: msg.SignedURL(b.url + "/" + key), ContentType: "video/mp4"}
	}
	return b.Handlers()[kind].Handle(t.Context(), stage.NewTask(grant, t.TempDir(), zerolog.Nop()))
}

// must is run for a task that succeeds. What is measured on the video that it writes must be what
// ffprobe finds.
func (b *bench) must(t *testing.T, kind msg.Kind, params any, inputs map[string]msg.Input, outputs ...string) any {
	t.Helper()
	facts, err := b.run(t, kind, params, inputs, outputs...)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	for _, name := range outputs {
		if name == msg.Segment || name == msg.Joined || name == msg.Video {
			checkIndex(t, b.store.get(t, string(kind)+"/"+name))
		}
	}
	return facts
}

// input puts an object into the store and returns it as an input that has facts.
func (b *bench) input(t *testing.T, key string, data []byte, facts any) msg.Input {
	t.Helper()
	b.store.put(key, data)
	raw, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	return msg.Input{Key: key, Facts: raw}
}

// made holds the videos that several tests need, by what they are made of.
var made sync.Map // of *video by string

type video struct {
	once  sync.Once
	data  []byte
	facts any
}

// once calls create for the first test that needs a video, and returns the same one to all. The
// caller must not change it.
func once(t *testing.T, key string, create func() (data []byte, facts any)) *video {
	t.Helper()
	entry, _ := made.LoadOrStore(key, new(video))
	v := entry.(*video)
	v.once.Do(func() { v.data, v.facts = create() })
	if v.data == nil {
		t.Fatalf("another test failed to make %s", key)
	}
	return v
}

// segment returns the pictures of a segment with a facecam, from a frame of the video on.
func (b *bench) segment(t *testing.T, rate msg.Rate, face msg.Input, first, count int) mediatest.Video {
	t.Helper()
	b.must(t, msg.Normalize, msg.NormalizeParams{
		Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, FirstFrame: first, Facecam: true,
	}, map[string]msg.Input{
		msg.Mezzanine:   b.input(t, "m", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Bars, nil), nil),
		msg.FacecamFile: face,
	}, msg.Segment)
	return mediatest.Decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
}

// probed probes a facecam and returns it as the later stages' input.
func (b *bench) probed(t *testing.T, data []byte) (msg.Input, msg.ProbeFacts) {
	t.Helper()
	b.store.put("web/facecam", data)
	facts := b.must(t, msg.Probe, msg.ProbeParams{URL: b.url + "/web/facecam"}, nil, msg.FacecamFile).(msg.ProbeFacts)
	return b.input(t, "facecam", b.store.get(t, "probe/facecam"), facts), facts
}

// bubbled makes a segment of the given number of frames at 24 a second, with a facecam's bubble on
// a page of bars.
func (b *bench) bubbled(t *testing.T, face msg.Input, frames int) mediatest.Video {
	t.Helper()
	b.must(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: frames, Facecam: true},
		map[string]msg.Input{
			msg.Mezzanine:   b.input(t, "m", mediatest.Mezzanine(t, msg.FPS(24), frames, testWidth, testHeight, mediatest.Bars, nil), nil),
			msg.FacecamFile: face,
		}, msg.Segment)
	return mediatest.Decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
}

// usual is the default bubble.
func usual(width, height int) msg.Bubble {
	return *shown.BubbleOf(shown.Options{}, width, height, msg.FPS(1), 0)
}
