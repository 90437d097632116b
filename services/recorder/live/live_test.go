package live

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, stagetest.Ours()...) }

func picture(t *testing.T, grey uint8) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 1920, 1080))
	for i := range m.Pix {
		m.Pix[i] = grey
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// watcher asks for pictures, as the console does.
type watcher struct {
	t   *testing.T
	nc  *nats.Conn
	got *nats.Subscription
}

func start(t *testing.T) (*Sender, watcher) {
	t.Helper()
	server := stagetest.StartNATS(t)
	s := New(server.Connect(t), zerolog.Nop())
	stop, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	w := watcher{t: t, nc: server.Connect(t)}
	if w.got, err = w.nc.SubscribeSync(msg.AllPictures); err != nil {
		t.Fatal(err)
	}
	if err := s.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return s, w
}

func (w watcher) watch(render uuid.UUID, d time.Duration) {
	w.t.Helper()
	data, err := msg.Encode(msg.Watch{Version: msg.Version, RenderID: render, For: msg.Duration(d)})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.nc.Publish(msg.WatchSubject(render), data); err != nil {
		w.t.Fatal(err)
	}
}

// next returns the grey of the next picture.
func (w watcher) next(render, task uuid.UUID) uint8 {
	w.t.Helper()
	m, err := w.got.NextMsg(stagetest.Patience)
	if err != nil {
		w.t.Fatal(err)
	}
	if m.Subject != msg.PictureSubject(render, task) || len(m.Data) > msg.MaxPicture {
		w.t.Errorf("%d bytes on %s", len(m.Data), m.Subject)
	}
	decoded, err := jpeg.Decode(bytes.NewReader(m.Data))
	if err != nil || decoded.Bounds().Dx() != width || decoded.Bounds().Dy() != 270 {
		w.t.Fatalf("the picture is none of ours: %v", err)
	}
	return color.GrayModel.Convert(decoded.At(100, 100)).(color.Gray).Y
}

func about(got, want uint8) bool { return max(got, want)-min(got, want) < 8 }

func TestWhoAsksGetsTheLastPictureOfEachChange(t *testing.T) {
	t.Parallel()
	s, w := start(t)
	render, task := uuid.New(), uuid.New()
	f := s.Open(render, task)
	defer f.Close()
	other := s.Open(uuid.New(), uuid.New())
	other.Show(picture(t, 200))
	defer other.Close()
	f.Show(picture(t, 10))
	f.Show(picture(t, 60)) // 10 is never seen
	w.watch(render, msg.MaxWatch)
	if got := w.next(render, task); !about(got, 60) {
		t.Errorf("the first picture is %d", got)
	}
	f.Show(picture(t, 120))
	if got := w.next(render, task); !about(got, 120) {
		t.Errorf("the second picture is %d", got)
	}
	if got := w.next(render, task); !about(got, 120) { // for those who come later
		t.Errorf("the repeated picture is %d", got)
	}
}

// Without a watch, nothing is decoded or sent, and no goroutine runs.
func TestWhoDoesNotAskGetsNothing(t *testing.T) {
	t.Parallel()
	s, w := start(t)
	f := s.Open(uuid.New(), uuid.New())
	f.Show([]byte("no picture: whoever decodes it fails"))
	w.watch(uuid.New(), time.Second)
	if err := w.nc.PublishMsg(&nats.Msg{Subject: msg.WatchSubject(f.render), Reply: "x", Data: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if err := w.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	sending := f.sending
	s.mu.Unlock()
	if sending {
		t.Error("it sends pictures")
	}
	f.Close()
	if n, _, err := w.got.Pending(); err != nil || n != 0 {
		t.Errorf("%d pictures were sent, %v", n, err)
	}
}

// What a feed costs a capture while nobody looks: nothing that allocates but the picture's header.
func TestShowingAPictureCostsAPointer(t *testing.T) {
	s := New(nil, zerolog.Nop())
	f := s.Open(uuid.New(), uuid.New())
	defer f.Close()
	shown := make([]byte, 200_000)
	if n := testing.AllocsPerRun(1000, func() { f.Show(shown) }); n > 1 {
		t.Errorf("it allocates %v times", n)
	}
	var none *Feed
	none.Show(shown)
	none.Close()
}

func TestASceneThatEndsSendsNoMore(t *testing.T) {
	t.Parallel()
	s, w := start(t)
	render, task := uuid.New(), uuid.New()
	f := s.Open(render, task)
	f.Show(picture(t, 90))
	w.watch(render, msg.MaxWatch)
	w.next(render, task)
	f.Close()
	f.Show(picture(t, 30))
	w.watch(render, msg.MaxWatch)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.sending && f.ctx.Err() == nil || len(s.feeds) != 0 {
		t.Error("it goes on")
	}
}

func BenchmarkShow(b *testing.B) {
	s := New(nil, zerolog.Nop())
	f := s.Open(uuid.New(), uuid.New())
	defer f.Close()
	shown := make([]byte, 200_000)
	for b.Loop() {
		f.Show(shown)
	}
}
