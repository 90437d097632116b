package capture_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// mediaStyle is a black page; what is in it begins in the top left corner.
const mediaStyle = `<style>body{margin:0;background:#000}img,video,canvas{display:block}</style>`

// showing captures a page of a file, /media, and returns the numbers that its frames show. A busy
// machine may take as long for a picture as a page of the internet for a request.
func showing(t *testing.T, path, page string, frames int) []int {
	t.Helper()
	url := site(t, map[string]http.HandlerFunc{"/media": file(path), "/": html(mediaStyle + page)})
	mezzanine, _ := shot{url: url, frames: frames, bounds: capture.DefaultBounds}.mustTake(t)
	return numbers(decode(t, mezzanine, msg.FPS(60), frames))
}

func numbers(pictures []picture) (found []int) {
	for _, p := range pictures {
		found = append(found, p.number())
	}
	return found
}

// run is a number and how many frames in a row show it.
type run struct{ number, frames int }

func runs(numbers []int) (found []run) {
	for _, n := range numbers {
		if len(found) == 0 || found[len(found)-1].number != n {
			found = append(found, run{number: n})
		}
		found[len(found)-1].frames++
	}
	return found
}

// checkBeat checks that the numbers follow a beat, each shown for hold frames, from a start that is
// up to late frames off. On a busy machine a picture may be decoded too late: the one before stays
// longer, some may be skipped, and the next is on the beat again. So nothing drifts, nothing comes
// early, and two thirds are exact.
func checkBeat(t *testing.T, numbers []int, hold, late int) {
	t.Helper()
	all := runs(numbers)
	// The beat is the one that most frames are on: the frame at which number 0 would begin.
	begins := map[int]int{}
	at, first := 0, 0
	for i, r := range all {
		if i > 0 && r.number <= all[i-1].number {
			t.Fatalf("%d follows %d: %v", r.number, all[i-1].number, all)
		}
		begin := at - r.number*hold
		if begins[begin]++; begins[begin] > begins[first] {
			first = begin
		}
		at += r.frames
	}
	if first < -hold-late || first > late-hold {
		t.Errorf("the first picture would begin at frame %d, want within %d of 0: %v", first+hold, late, all)
	}
	exact := 0
	for i, n := range numbers {
		switch want := max(i-first, hold) / hold; {
		case n == want:
			exact++
		case n > want && i > hold+late:
			t.Fatalf("frame %d shows picture %d, which comes after %d: %v", i, n, want, all)
		}
	}
	if 3*exact < 2*len(numbers) {
		t.Errorf("%d of %d frames show the right picture: %v", exact, len(numbers), all)
	}
}

func TestMovingImages(t *testing.T) {
	for name, args := range animations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const count = 20 // one second: the image starts over within the capture
			for i, n := range showing(t, media(t, name, 20, count, args...), `<img src=/media>`, movingFrames) {
				if want := i/3%count + 1; n != want {
					t.Fatalf("frame %d shows picture %d, want %d", i, n, want)
				}
			}
		})
	}
}

// An image that comes later starts when it is first drawn.
func TestMovingImagesStartWhenDrawn(t *testing.T) {
	t.Parallel()
	shown := showing(t, media(t, "moving.gif", 20, 20, animations["moving.gif"]...),
		`<img><script>setTimeout(() => { document.querySelector("img").src = "/media" }, 300)</script>`, movingFrames)
	all := runs(shown)
	if all[0].number != 0 || all[0].frames < 17 || all[0].frames > 20 {
		t.Fatalf("nothing is shown for %d frames, want about 18: %v", all[0].frames, all)
	}
	for i, n := range shown[all[0].frames:] {
		if want := i/3%20 + 1; n != want {
			t.Fatalf("%d frames after it came, it shows picture %d, want %d: %v", i, n, want, all)
		}
	}
}

// lateVideo is how many frames a video may take until it moves: its first pictures are decoded in
// real time.
const lateVideo = 4

func TestMovingVideo(t *testing.T) {
	for name, args := range videos {
		for _, test := range []struct {
			name, page string
			hold       int
		}{
			{"plays by itself", `<video autoplay src=/media></video>`, 2},
			{"muted", `<video autoplay muted playsinline src=/media></video>`, 2},
			{"at half speed", `<video src=/media></video><script>const v = document.querySelector("video"); v.playbackRate = .5; v.play()</script>`, 4},
			{"drawn on a canvas beside it", `<canvas width=320 height=40></canvas><video src=/media></video><script>
				const v = document.querySelector("video"), c = document.querySelector("canvas").getContext("2d"); v.play();
				requestAnimationFrame(function f() { c.drawImage(v, 0, 0); requestAnimationFrame(f) })</script>`, 2},
			{"drawn by requestVideoFrameCallback", `<canvas width=320 height=40></canvas><video src=/media></video><script>
				const v = document.querySelector("video"), c = document.querySelector("canvas").getContext("2d"); v.play();
				v.requestVideoFrameCallback(function f() { c.drawImage(v, 0, 0); v.requestVideoFrameCallback(f) })</script>`, 2},
		} {
			t.Run(name+" "+test.name, func(t *testing.T) {
				t.Parallel()
				checkBeat(t, showing(t, media(t, name, 30, 60, args...), test.page, movingFrames), test.hold, lateVideo)
			})
		}
	}
}

// A video that is not in the document is decoded in real time. What a canvas draws of it is in
// order, but not exact.
func TestMovingVideoThatIsNotShown(t *testing.T) {
	all := runs(showing(t, media(t, "vp8.webm", 30, 60, videos["vp8.webm"]...), `<canvas width=320 height=40></canvas><script>
		const v = document.createElement("video"), c = document.querySelector("canvas").getContext("2d"); v.src = "/media"; v.play();
		requestAnimationFrame(function f() { c.drawImage(v, 0, 0); requestAnimationFrame(f) })</script>`, movingFrames))
	for i, r := range all[1:] {
		if r.number <= all[i].number {
			t.Fatalf("%d follows %d: %v", r.number, all[i].number, all)
		}
	}
	if len(all) < 3 {
		t.Fatalf("it stands: %v", all)
	}
}

// A video that has sound is shown as one that has none.
func TestMovingVideoWithSound(t *testing.T) {
	for name, args := range sounding {
		for _, attributes := range []string{"", "muted"} {
			t.Run(name+" "+attributes, func(t *testing.T) {
				t.Parallel()
				checkBeat(t, showing(t, media(t, name, 30, 60, args...), `<video autoplay `+attributes+` src=/media></video>`, movingFrames), 2, lateVideo)
			})
		}
	}
}

// A video that a script makes of loaded data keeps its sound: its pictures are in order, but not
// exact.
func TestMovingVideoThatAScriptLoads(t *testing.T) {
	all := runs(showing(t, media(t, "vp8-opus.webm", 30, 600, sounding["vp8-opus.webm"]...), `<video autoplay></video><script>
		fetch("/media").then(r => r.blob()).then(b => { document.querySelector("video").src = URL.createObjectURL(b) })</script>`, movingFrames))
	for i, r := range all[1:] {
		if r.number <= all[i].number {
			t.Fatalf("%d follows %d: %v", r.number, all[i].number, all)
		}
	}
	if len(all) < 2 {
		t.Errorf("it stands: %v", all)
	}
}

// withAndWithoutSound are all formats of video.
func withAndWithoutSound() map[string][]string {
	all := maps.Clone(videos)
	maps.Copy(all, sounding)
	return all
}

// A video that starts over loses its beat for a few pictures while it seeks. From the fourth
// picture on it is as steady as before.
func TestMovingVideoThatLoops(t *testing.T) {
	for name, args := range withAndWithoutSound() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const count = 30
			all := runs(showing(t, media(t, name, 30, count, args...), `<video autoplay loop src=/media></video>`, 150))
			inner, exact := 0, 0
			for i, r := range all[1:] {
				if before := all[i]; r.number < before.number && (before.number < count-2 || r.number > 3) {
					t.Fatalf("%d follows %d: %v", r.number, before.number, all)
				}
				if r.number < 4 || r.number == count || i+2 == len(all) {
					continue // where it seeks, or the capture ends
				}
				if inner++; r.frames == 2 {
					exact++
				}
			}
			if 3*exact < 2*inner {
				t.Errorf("%d of %d pictures are shown for 2 frames: %v", exact, inner, all)
			}
			if last := all[len(all)-1].number; last < 5 || last > 20 {
				t.Errorf("after 2.5 s, a video of 1 s is at picture %d: %v", last, all)
			}
		})
	}
}
