package recorder

import (
	"bytes"
	"image/jpeg"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/services/recorder/live"
)

// watchable returns a handler whose scenes can be watched, and a connection to watch them on.
func watchable(t testing.TB) (handler, *nats.Conn) {
	t.Helper()
	server := stagetest.StartNATS(t)
	h := testHandler(t)
	h.live = live.New(server.Connect(t), zerolog.Nop())
	stop, err := h.live.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return h, server.Connect(t)
}

// recorded records a scene of one piece, which somebody watches or not.
func recorded(t testing.TB, h handler, watcher *nats.Conn, p msg.RecordParams, watched bool) []byte {
	t.Helper()
	b := newBucket(t)
	defer b.Close()
	task := newTask(t, b, p)
	ended := make(chan struct{})
	var watching sync.WaitGroup
	if watched {
		watching.Go(func() {
			data, err := msg.Encode(msg.Watch{Version: msg.Version, RenderID: task.RenderID, For: msg.Duration(msg.MaxWatch)})
			if err != nil {
				t.Error(err)
			}
			ticker := time.NewTicker(50 * time.Millisecond)
			defer ticker.Stop()
			for {
				_ = watcher.Publish(msg.WatchSubject(task.RenderID), data)
				select {
				case <-ended:
					return
				case <-ticker.C:
				}
			}
		})
	}
	_, err := h.Handle(t.Context(), task)
	close(ended)
	watching.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return b.objects["/"+msg.PieceName(0)]
}

// What somebody who looks costs, in CPU seconds of the recorder and of Chrome: in pairs, alone and
// watched, since a machine's load changes.
func BenchmarkAWatchedScene(b *testing.B) {
	const seconds = 4
	for name, body := range map[string]string{
		"moving": `<style>body{margin:0;height:100vh;background:linear-gradient(90deg,red,blue,lime);background-size:300% 100%;animation:a 7s linear infinite}
			@keyframes a{to{background-position:300% 0}}</style>`,
		"text": moving,
	} {
		b.Run(name, func(b *testing.B) {
			srv := httptest.NewServer(page(body))
			defer srv.Close()
			h, watcher := watchable(b)
			params := msg.RecordParams{Scene: 1, URL: srv.URL, Width: 1920, Height: 1080, Rate: msg.FPS(60), Frames: 60 * seconds}
			var alone, watched []float64
			for b.Loop() {
				for _, look := range []bool{false, true} {
					begun := cpu(b)
					recorded(b, h, watcher, params, look)
					spent := cpu(b) - begun
					if look {
						watched = append(watched, spent)
					} else {
						alone = append(alone, spent)
					}
				}
			}
			b.Logf("alone %.2f, watched %.2f", alone, watched)
			b.ReportMetric(median(alone), "cpu-s-alone")
			b.ReportMetric(median(watched), "cpu-s-watched")
		})
	}
}

// cpu is how many CPU seconds this process has spent, and those of its children that have ended.
func cpu(t testing.TB) (seconds float64) {
	t.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if err := syscall.Getrusage(who, &used); err != nil {
			t.Fatal(err)
		}
		seconds += float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
	}
	return seconds
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// Somebody who looks changes nothing of what is recorded: not a byte, and so no frame and no time.
func TestASceneThatIsWatchedIsRecordedAsAnyOther(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(page(moving))
	defer srv.Close()
	h, watcher := watchable(t)
	pictures, err := watcher.SubscribeSync(msg.AllPictures)
	if err != nil {
		t.Fatal(err)
	}
	params := msg.RecordParams{
		Scene: 1, URL: srv.URL, Width: 640, Height: 360, Rate: msg.FPS(60), Frames: 240, Options: scene.Options{Repeatable: true},
	}
	alone := recorded(t, h, watcher, params, false)
	if n, _, err := pictures.Pending(); err != nil || n > 0 {
		t.Fatalf("%d pictures came although nobody asked, %v", n, err)
	}
	watched := recorded(t, h, watcher, params, true)
	m, err := pictures.NextMsg(stagetest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	if config, err := jpeg.DecodeConfig(bytes.NewReader(m.Data)); err != nil || config.Width != 480 || config.Height != 270 {
		t.Errorf("the picture is %d×%d, %v", config.Width, config.Height, err)
	}
	if !bytes.Equal(alone, watched) {
		t.Errorf("the recordings differ: %d bytes alone, %d watched", len(alone), len(watched))
	}
}
