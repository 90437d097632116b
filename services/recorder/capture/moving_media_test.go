package capture_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// mediaStyle is a black page; what is in it begins in the top left corner.
const mediaStyle = `<style>body{margin:0;background:#000}img,video,canvas{display:block}</style>`

// playing is a shot of a page with videos or images. A busy machine may take as long for a picture
// as a page of the internet for a request.
func playing(frames int) shot { return shot{frames: frames, bounds: capture.DefaultBounds} }

// showing captures a page of files, by their paths on the site.
func (s shot) showing(t *testing.T, files map[string]string, page string) []picture {
	t.Helper()
	pages := map[string]http.HandlerFunc{"/": html(mediaStyle + page)}
	for at, path := range files {
		pages[at] = file(path)
	}
	return s.captured(t, pages)
}

// showing captures a page of a file, /media, and returns the numbers that the first row shows in
// each frame.
func showing(t *testing.T, path, page string, frames int) []int {
	t.Helper()
	return numbers(playing(frames).showing(t, map[string]string{"/media": path}, page))
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
// longer, some may be skipped, and the next is on the beat again, or one picture ahead of it. So
// nothing drifts, nothing else comes early, and two thirds are exact.
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
	exact, stayed := 0, 0
	ahead := 0 // after a picture that stayed twice as long as it should have
	for i, n := range numbers {
		if i > 0 && n != numbers[i-1] {
			if stayed > 2*hold {
				ahead = 1
			}
			stayed = 0
		}
		stayed++
		switch want := max(i-first, hold) / hold; {
		case n == want:
			exact++
		case n > want+ahead && i > hold+late:
			t.Fatalf("frame %d shows picture %d, which comes after %d: %v", i, n, want, all)
		}
	}
	if 3*exact < 2*len(numbers) {
		t.Errorf("%d of %d frames show the right picture: %v", exact, len(numbers), all)
	}
}

// One of the images comes later: it starts when it is first drawn.
func TestMovingImages(t *testing.T) {
	t.Parallel()
	const count = 20 // one second: the images start over within the capture
	names := slices.Sorted(maps.Keys(animations))
	files := map[string]string{}
	page := ""
	for _, name := range names {
		files["/"+name] = media(t, name, 20, count, animations[name]...)
		page += `<img src=/` + name + `>`
	}
	files["/late"] = files["/moving.gif"]
	pictures := playing(movingFrames).showing(t, files, page+`<img id=late><script>setTimeout(() => { late.src = "/late" }, 300)</script>`)
	for row, name := range append(names, "late") {
		t.Run(name, func(t *testing.T) {
			shown, from := numbersIn(pictures, row), 0
			if name == "late" {
				all := runs(shown)
				if from = all[0].frames; all[0].number != 0 || from < 17 || from > 20 {
					t.Fatalf("nothing is shown for %d frames, want about 18: %v", from, all)
				}
			}
			for i, n := range shown[from:] {
				if want := i/3%count + 1; n != want {
					t.Fatalf("frame %d shows picture %d, want %d: %v", from+i, n, want, runs(shown))
				}
			}
		})
	}
}

// lateVideo is how many frames a video may take until it moves: its first pictures are decoded in
// real time.
const lateVideo = 4

// A page has a video in each row.
func TestMovingVideo(t *testing.T) {
	rows := []struct {
		name, page string // ID stands for its element
		hold       int
	}{
		{"plays by itself", `<video autoplay src=/media></video>`, 2},
		{"muted", `<video autoplay muted playsinline src=/media></video>`, 2},
		{"at half speed", `<video id=ID src=/media></video><script>ID.playbackRate = .5; ID.play()</script>`, 4},
		{"drawn on a canvas beside it", `<canvas id=cID width=320 height=16></canvas><video id=ID style="position:absolute;top:80px" src=/media></video><script>ID.play();
			requestAnimationFrame(function f() { cID.getContext("2d").drawImage(ID, 0, 0); requestAnimationFrame(f) })</script>`, 2},
		{"drawn by requestVideoFrameCallback", `<canvas id=cID width=320 height=16></canvas><video id=ID style="position:absolute;top:96px" src=/media></video><script>ID.play();
			ID.requestVideoFrameCallback(function f() { cID.getContext("2d").drawImage(ID, 0, 0); ID.requestVideoFrameCallback(f) })</script>`, 2},
	}
	page := ""
	for i, row := range rows {
		page += strings.ReplaceAll(row.page, "ID", fmt.Sprint("video", i))
	}
	t.Parallel()
	s := playing(movingFrames).shared(t)
	for name, args := range videos {
		t.Run(name, func(t *testing.T) {
			pictures := s.showing(t, map[string]string{"/media": media(t, name, 30, 60, args...)}, page)
			for i, row := range rows {
				t.Run(row.name, func(t *testing.T) { checkBeat(t, numbersIn(pictures, i), row.hold, lateVideo) })
			}
		})
	}
}

// A video that is not in the document is decoded in real time. What a canvas draws of it is in
// order, but not exact.
func TestMovingVideoThatIsNotShown(t *testing.T) {
	all := runs(showing(t, media(t, "vp8.webm", 30, 60, videos["vp8.webm"]...), `<canvas width=320 height=16></canvas><script>
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

// everyVideo returns a page with a row for each of these formats, its files and the names of the
// formats.
func everyVideo(t *testing.T, formats map[string][]string, count int, tag string) (page string, files map[string]string, names []string) {
	t.Helper()
	names, files = slices.Sorted(maps.Keys(formats)), map[string]string{}
	for _, name := range names {
		files["/"+name] = media(t, name, 30, count, formats[name]...)
		page += strings.ReplaceAll(tag, "SRC", "/"+name)
	}
	return page, files, names
}

// A video that has sound is shown as one that has none.
func TestMovingVideoWithSound(t *testing.T) {
	t.Parallel()
	s := playing(movingFrames).shared(t)
	for name, tag := range map[string]string{"heard": `<video autoplay src=SRC></video>`, "muted": `<video autoplay muted src=SRC></video>`} {
		t.Run(name, func(t *testing.T) {
			page, files, formats := everyVideo(t, sounding, 60, tag)
			pictures := s.showing(t, files, page)
			for row, format := range formats {
				t.Run(format, func(t *testing.T) { checkBeat(t, numbersIn(pictures, row), 2, lateVideo) })
			}
		})
	}
}

// A video that a script makes of loaded data keeps its sound: its pictures are in order, but not
// exact.
func TestMovingVideoThatAScriptLoads(t *testing.T) {
	all := runs(showing(t, media(t, "vp8-opus.webm", 30, 60, sounding["vp8-opus.webm"]...), `<video autoplay></video><script>
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
func withAndWithoutSound() map[string]map[string][]string {
	return map[string]map[string][]string{"without sound": videos, "with sound": sounding}
}

// A video that starts over loses its beat for a few pictures while it seeks. From the fourth
// picture on it is as steady as before.
func TestMovingVideoThatLoops(t *testing.T) {
	const count = 20
	t.Parallel()
	s := playing(5 * count).shared(t)
	for name, formats := range withAndWithoutSound() {
		t.Run(name, func(t *testing.T) {
			page, files, formats := everyVideo(t, formats, count, `<video autoplay loop src=SRC></video>`)
			pictures := s.showing(t, files, page)
			for row, format := range formats {
				t.Run(format, func(t *testing.T) { checkLoops(t, numbersIn(pictures, row), count) })
			}
		})
	}
}

// checkLoops checks the numbers of a video of so many pictures, each shown for two frames, that has
// started over twice and is halfway again.
func checkLoops(t *testing.T, numbers []int, count int) {
	t.Helper()
	all := runs(numbers)
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
	if last := all[len(all)-1].number; last < count/6 || last > 2*count/3 {
		t.Errorf("after 2.5 times its length, the video is at picture %d of %d: %v", last, count, all)
	}
}
