package pictures

import (
	"bytes"
	"errors"
	"image"
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

func keeper(t *testing.T) (*Keeper, *nats.Conn) {
	t.Helper()
	server := stagetest.StartNATS(t)
	k := New(server.Connect(t), nil, zerolog.Nop())
	t.Cleanup(k.Close)
	return k, server.Connect(t)
}

// jpegOf returns a JPEG of a size in pixels, filled up to a number of bytes.
func jpegOf(t *testing.T, side, size int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, side, side)), nil); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), make([]byte, max(0, size-out.Len()))...)
}

func watching(t *testing.T, k *Keeper, render uuid.UUID) *watched {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	w, err := k.watch(render)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// However much is sent, and of how many renders, what is kept is bounded; and what somebody looks
// at last is kept longest.
func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	k, _ := keeper(t)
	full := jpegOf(t, 16, msg.MaxPicture)
	var first, last *watched
	for range 4 {
		w := watching(t, k, uuid.New())
		if first == nil {
			first = w
		}
		last = w
		for range scenesMost + 10 {
			k.take(w, &nats.Msg{Subject: msg.PictureSubject(w.render, uuid.New()), Data: full})
		}
		if len(w.scenes) > scenesMost {
			t.Fatalf("a render has %d pictures", len(w.scenes))
		}
	}
	if k.bytes > bytesMost {
		t.Errorf("%d bytes are kept", k.bytes)
	}
	if k.renders[first.render] != nil || k.renders[last.render] == nil {
		t.Error("it is not the oldest that was dropped")
	}
	for range rendersMost + 20 {
		watching(t, k, uuid.New())
	}
	if len(k.renders) > rendersMost {
		t.Errorf("%d renders are watched", len(k.renders))
	}
	sum := 0
	for _, w := range k.renders {
		for _, p := range w.scenes {
			sum += len(p.JPEG)
		}
	}
	if sum != k.bytes {
		t.Errorf("%d bytes are counted, there are %d", k.bytes, sum)
	}
}

func TestWhatIsNoSmallPictureIsLeftOut(t *testing.T) {
	t.Parallel()
	k, _ := keeper(t)
	w := watching(t, k, uuid.New())
	for name, data := range map[string][]byte{
		"a text": []byte("hello"), "nothing": nil, "too many bytes": jpegOf(t, 16, msg.MaxPicture+1), "too many pixels": jpegOf(t, sideMost+1, 0),
	} {
		k.take(w, &nats.Msg{Subject: msg.PictureSubject(w.render, uuid.New()), Data: data})
		if len(w.scenes) > 0 {
			t.Fatalf("%s is kept", name)
		}
	}
	k.take(w, &nats.Msg{Subject: "picture.x.y", Data: jpegOf(t, 16, 0)})
	if len(w.scenes) > 0 {
		t.Error("a picture of no task is kept")
	}
}

// When nobody has asked for a while, recorders are not asked any more, and nothing is kept.
func TestWhoStopsLookingIsForgotten(t *testing.T) {
	t.Parallel()
	k, other := keeper(t)
	asked, err := other.SubscribeSync(msg.AllWatches)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	w := watching(t, k, uuid.New())
	if _, err := asked.NextMsg(stagetest.Patience); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	w.asked = time.Now().Add(-2 * idleAfter)
	k.mu.Unlock()
	select {
	case <-w.quit:
	case <-time.After(stagetest.Patience):
		t.Fatal("it is watched for ever")
	}
	if k.renders[w.render] != nil || w.sub.IsValid() {
		t.Error("it is still listened for")
	}
	k.Close()
	if _, err := k.last(t.Context(), uuid.New(), uuid.New(), time.Second); !errors.Is(err, ErrNone) {
		t.Errorf("a keeper that is closed says %v", err)
	}
}
