package capture_test

import (
	"bytes"
	"fmt"
	"image"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// extent returns how long and in which size the pages of this file are captured: 1 s in 640×360, or
// 30 s in 1920×1080 when LOOM_LONG is set (make long).
func extent() (seconds int, size image.Point) {
	if os.Getenv("LOOM_LONG") != "" {
		return 30, image.Pt(1920, 1080)
	}
	return 1, image.Pt(640, 360)
}

// A page paints the number of its animation frame. Every number comes out once, in order, whatever
// moves beside it and however busy the machine is.
func TestEveryNumberComesOutOnceInOrder(t *testing.T) {
	const beside = `<style>img,video{position:absolute;top:200px;left:0}</style>`
	seconds, size := extent()
	gif := media(t, "moving.gif", 20, 20, animations["moving.gif"]...)
	video := media(t, "vp9.webm", 30, 30*seconds, videos["vp9.webm"]...)
	url := site(t, map[string]http.HandlerFunc{
		"/": html(counting), "/gif": file(gif), "/video": file(video),
		"/beside": html(counting + beside + `<img src=/gif><video style="top:216px" autoplay muted src=/video></video>`),
	})
	browser := shot{size: size}.shared(t).browser
	for _, test := range []struct {
		name, page string
		fps        int
		busy       bool
		checks     []func(t *testing.T, numbers []int) // of what is beside
	}{
		{name: "beside four busy loops", page: "/", fps: 60, busy: true},
		{name: "at 120 frames a second", page: "/", fps: 120},
		{name: "beside a GIF of 20 and a video of 30 a second", page: "/beside", fps: 60, checks: []func(t *testing.T, numbers []int){
			func(t *testing.T, numbers []int) {
				for i, n := range numbers {
					if want := i/3%20 + 1; n != want {
						t.Fatalf("frame %d shows picture %d of the GIF, want %d", i, n, want)
					}
				}
			},
			func(t *testing.T, numbers []int) { checkBeat(t, numbers, 2, lateVideo) },
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			rate, frames := msg.FPS(test.fps), seconds*test.fps
			s, end := shot{url: url + test.page, size: size, rate: rate, frames: frames, browser: browser}, func() {}
			if test.busy {
				s.progress = func(_ *chrome.Process, n int) {
					if n == 1 {
						end = keepBusy(t)
					}
				}
			}
			path, facts := s.mustTake(t)
			end()
			if facts.Distinct != frames {
				t.Errorf("%d pictures are stored, want %d", facts.Distinct, frames)
			}
			if shown := numbersAt(t, path, rate, 0); !slices.Equal(shown, count(frames)) {
				t.Fatalf("of %d frames, %d come out: %v", frames, len(shown), breaks(shown))
			}
			for i, check := range test.checks {
				check(t, numbersAt(t, path, rate, 200+16*i))
			}
		})
	}
}

// keepBusy keeps four processors busy until the test ends, or end is called.
func keepBusy(t *testing.T) (end func()) {
	t.Helper()
	var loops []*exec.Cmd
	end = sync.OnceFunc(func() {
		for _, loop := range loops {
			_ = loop.Process.Kill()
			_ = loop.Wait()
		}
	})
	t.Cleanup(end)
	for range 4 {
		loop := exec.Command("sh", "-c", "while :; do :; done")
		if err := loop.Start(); err != nil {
			t.Fatal(err)
		}
		loops = append(loops, loop)
	}
	return end
}

// count returns 1, 2, … n.
func count(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i+1)
	}
	return numbers
}

// breaks returns the places where numbers do not follow one another.
func breaks(numbers []int) (found []string) {
	last := 0
	for i, n := range numbers {
		if n != last+1 {
			found = append(found, fmt.Sprintf("frame %d shows %d after %d", i, n, last))
		}
		last = n
	}
	return found
}

// numbersAt reads the barcode that begins so many pixels below the top left corner from every frame
// that there is.
func numbersAt(t *testing.T, path string, rate msg.Rate, top int) (numbers []int) {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", path,
		"-vf", fmt.Sprintf("fps=%s,crop=320:16:0:%d,scale=16:1:flags=area", rate, top), "-pix_fmt", "gray", "-f", "rawvideo", "-")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, stderr.String())
	}
	for line := range slices.Chunk(raw, 16) {
		n := 0
		for _, v := range line {
			n <<= 1
			if v > 127 {
				n |= 1
			}
		}
		numbers = append(numbers, n)
	}
	return numbers
}
