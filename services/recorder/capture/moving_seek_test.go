package capture_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// seeking seeks a video, v, every half second.
const seeking = `let n = 0; requestAnimationFrame(() => setInterval(() => { v.currentTime = (++n * 21 % 60 + .5) / 30 }, 500))`

// seekingFrames is how long videos that seek are captured: for three seeks.
const seekingFrames = 105

// slowly makes the pictures of a video large. Each of its seeks, which begins at its first picture,
// takes longer than frames do: if they did not wait, it would show.
func slowly(args []string) []string {
	return append(slices.Clone(args), "-vf", "scale=1280:64:flags=neighbor", "-g", "60")
}

// slowStyle shows such a video in a row.
const slowStyle = `<style>video{width:320px;height:16px}</style>`

// checkSeeks checks that the pictures are those that seeking asks for, each from the frame that it
// is asked for at.
func checkSeeks(t *testing.T, numbers []int) {
	t.Helper()
	all := runs(numbers)
	for i, r := range all {
		if want := i*21%60 + 1; r.number != want {
			t.Fatalf("seek %d shows picture %d, want %d: %v", i, r.number, want, all)
		}
		if inner := i > 0 && i+1 < len(all); inner && (r.frames < 29 || r.frames > 31) {
			t.Fatalf("a picture stands for %d frames, want 30: %v", r.frames, all)
		}
	}
	if len(all) != seekingFrames/30+1 {
		t.Fatalf("%d pictures, want one for each seek: %v", len(all), all)
	}
}

// A paused video that a script seeks shows the right picture in the frame that it is asked for at.
func TestMovingVideoThatSeeks(t *testing.T) {
	t.Parallel()
	s := playing(seekingFrames).shared(t)
	for name, formats := range withAndWithoutSound() {
		t.Run(name, func(t *testing.T) {
			formats = maps.Clone(formats)
			for _, vp8 := range []string{"vp8.webm", "vp8-opus.webm"} {
				if args, ok := formats[vp8]; ok {
					formats[vp8] = slowly(args)
				}
			}
			page, files, formats := everyVideo(t, formats, 60, `<video src=SRC></video>`)
			pictures := s.showing(t, files, slowStyle+page+`<script>for (const v of document.querySelectorAll("video")) { `+seeking+` }</script>`)
			for row, format := range formats {
				t.Run(format, func(t *testing.T) { checkSeeks(t, numbersIn(pictures, row)) })
			}
		})
	}
}

func TestMovingVideoThatSeeksOutOfSight(t *testing.T) {
	for name, page := range map[string]string{
		"in a frame": `<style>iframe{display:block;border:0;width:100%}</style><iframe srcdoc="<style>body{margin:0}video{display:block;width:320px;height:16px}</style>
			<video src=/media></video><script>const v = document.querySelector('video'); ` + seeking + `</script>"></iframe>`,
		"in a shadow tree": `<p style=margin:0></p><script>
			const root = document.querySelector("p").attachShadow({mode: "open"});
			root.innerHTML = "<video style='display:block;width:320px;height:16px' src=/media></video>";
			const v = root.querySelector("video"); ` + seeking + `</script>`,
		"shown when it is there": `<body><script>const v = document.createElement("video"); v.style.display = "block"; v.src = "/media";
			v.oncanplaythrough = () => document.body.append(v); ` + seeking + `</script>`,
		"made later": `<body><script>const v = document.createElement("video");
			setTimeout(() => { v.src = "/media"; v.style.display = "block"; document.body.append(v) }); ` + seeking + `</script>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shown := showing(t, media(t, "vp8.webm", 30, 60, slowly(videos["vp8.webm"])...), slowStyle+page, seekingFrames)
			for i := 0; i < lateVideo && shown[i] == 0; i++ {
				shown[i] = 1
			}
			checkSeeks(t, shown)
		})
	}
}

// seekingAlways seeks a video, v, in every frame, as with the page's scrolling.
func seekingAlways(to string) string {
	return `let n = 0; requestAnimationFrame(function f() { v.currentTime = ` + to + `; n++; requestAnimationFrame(f) })`
}

func TestMovingVideoThatSeeksInEveryFrame(t *testing.T) {
	const count = 60
	shown := showing(t, media(t, "vp8.webm", 30, count, videos["vp8.webm"]...), `<video src=/media></video><script>
		const v = document.querySelector("video"); `+seekingAlways("(n % 60 + .5) / 30")+`</script>`, movingFrames)
	for i, n := range shown[1:] {
		// The very first seek is not expected.
		if want := shown[i]%count + 1; n != want && i > 1 {
			t.Fatalf("frame %d shows picture %d after %d: %v", i+1, n, shown[i], shown)
		}
	}
}

// Seeks that change nothing need no wait for Chrome.
func TestVideoThatSeeksWhereItIs(t *testing.T) {
	shown := showing(t, media(t, "vp8.webm", 30, 60, videos["vp8.webm"]...), `<video src=/media></video><script>
		const v = document.querySelector("video"); `+seekingAlways("(20.1 + n % 20 / 40) / 30")+`</script>`, movingFrames)
	for i, n := range shown {
		if n != 21 && i > 2 {
			t.Fatalf("frame %d shows picture %d, want 21: %v", i, n, shown)
		}
	}
}

// A video that seeks to data that its server never sends is waited for, but not in every frame.
func TestVideoThatSeeksForEver(t *testing.T) {
	video, err := os.ReadFile(media(t, "long.mp4", 30, 900, videos["h264.mp4"]...))
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	url := site(t, map[string]http.HandlerFunc{
		"/media": func(w http.ResponseWriter, r *http.Request) {
			if begins := r.Header.Get("Range"); begins != "" && begins != "bytes=0-" {
				asked.Add(1)
				hang(w, r)
				return
			}
			part := video[:len(video)/2]
			w.Header().Set("Content-Type", "video/mp4")
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(part)-1, len(video)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(part)
		},
		"/": html(mediaStyle + `<video preload=metadata src=/media></video><script>
			const v = document.querySelector("video"); setTimeout(() => { v.currentTime = 29 }, 100)</script>`),
	})
	bounds := brief
	bounds.Load = 5 * time.Second                                           // it never has all of its video
	bounds.Call, bounds.Frame = 1500*time.Millisecond, 300*time.Millisecond // a wait in every frame would be 400 ms of each
	shot{url: url, frames: movingFrames, bounds: bounds}.mustTake(t)
	if asked.Load() == 0 {
		t.Error("what it seeks was not asked for")
	}
}
