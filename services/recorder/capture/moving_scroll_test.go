package capture_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// slope is a page of 3,000 pixels. A row of the picture is white from that pixel on that the page
// is scrolled to. It paints the scroll position that its scripts read.
const slope = barcode + `<style>html{height:3000px}body{overflow:visible}html,body{background:#000}i{position:fixed;z-index:1}svg{position:absolute;top:0;left:0}</style>
	<svg width=320 height=3000><polygon points="0,150 320,470 320,150" fill=#fff /></svg>
	<script>requestAnimationFrame(function f() { paint(scrollY * 8); requestAnimationFrame(f) });
	const start = f => requestAnimationFrame(f);</script>`

// Chrome chooses how a smooth scroll moves. Every frame shows the page at the position that its
// scripts read, and none is left out.
func TestMovingByScroll(t *testing.T) {
	for _, test := range []struct {
		name, page string
		end        int
	}{
		{"scrollTo", `<script>start(() => scrollTo({ top: 200, behavior: "smooth" }))</script>`, 200},
		{"scrollIntoView", `<div style="position:absolute;top:160px">here</div><script>
			start(() => document.querySelector("div").scrollIntoView({ behavior: "smooth" }))</script>`, 160},
		{"scroll-behavior", `<style>html{scroll-behavior:smooth}</style><script>start(() => { scrollTo(0, 200) })</script>`, 200},
		{"scroll-snap", `<style>html{scroll-snap-type:y mandatory}div{position:absolute;height:180px;scroll-snap-align:start}</style>
			<div style="top:0"></div><div style="top:180px"></div><script>start(() => scrollTo({ top: 150, behavior: "smooth" }))</script>`, 180},
		{"a script of its own", `<script>let y = 0; start(function f() { scrollTo(0, y += 2.5); start(f) })</script>`, movingFrames * 5 / 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(slope + test.page)})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			pictures := decode(t, path, msg.FPS(60), movingFrames)
			moved, last := 0, 0
			for i, p := range pictures {
				told, shown := float64(p.number())/8, p.edge(150)
				if test.name == "a script of its own" {
					told = 2.5 * float64(i+1) // the position is painted before the script moves on
				}
				if math.Abs(told-float64(shown)) > 2 { // a slope's edge is not sharp
					t.Fatalf("in frame %d the page is at %d, and its scripts are told %.1f", i, shown, told)
				}
				if shown < last {
					t.Fatalf("in frame %d the page goes back from %d to %d", i, last, shown)
				}
				if shown > last {
					moved++
				} else if last > 10 && last < test.end-10 {
					t.Fatalf("in frame %d the page stands at %d", i, shown)
				}
				last = shown
			}
			if last < test.end-2 || last > test.end+2 || moved < 10 {
				t.Errorf("the page moves in %d frames and ends at %d, want %d", moved, last, test.end)
			}
		})
	}
}

func TestMovingWithTheScroll(t *testing.T) {
	const scrolling = `<style>html{height:3000px;background:#000}body{overflow:visible}.bar{position:fixed}@keyframes m{to{transform:translateX(2820px)}}</style>
		<script>let n = 0; requestAnimationFrame(function f() { scrollTo(0, 3 * ++n); requestAnimationFrame(f) })</script>`
	const late = 4 // what follows a scroll event follows in the next frame: 3 pixels
	for _, test := range []struct {
		name, page string
		within     float64
	}{
		{"scroll timeline", `<style>.bar{animation:m linear;animation-timeline:scroll(root)}</style><div class=bar></div>`, 1},
		{"view timeline", `<style>main{position:absolute;top:0;height:3000px;width:1px;view-timeline:--v}body{timeline-scope:--v}
			.bar{animation:m linear;animation-timeline:--v;animation-range:contain}</style><main></main><div class=bar></div>`, 1},
		{"scroll event", `<div class=bar></div><script>onscroll = () => { document.querySelector(".bar").style.left = scrollY + "px" }</script>`, late},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(barStyle + scrolling + test.page)})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			for i, p := range decode(t, path, msg.FPS(60), movingFrames) {
				if at, want := p.bar(), float64(3*(i+1)); math.Abs(float64(at)-want) > test.within {
					t.Fatalf("in frame %d the bar is at %d, want %.0f", i, at, want)
				}
			}
		})
	}
}

// jump is a page that in its 30th frame jumps to a part that was not visible before.
const jump = `<style>html{height:6000px;background:#000}body{overflow:visible}</style>
	<script>let n = 0; requestAnimationFrame(function f() { if (++n == 30) scrollTo(0, 4000); requestAnimationFrame(f) })</script>`

func TestRevealsStartInTheFrameThatShowsThem(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(barStyle + jump + `<style>.bar{top:4140px}.bar.on{left:300px;transition:left 1s linear}</style>
		<div class=bar></div><script>new IntersectionObserver(([e]) => e.isIntersecting && e.target.classList.add("on")).observe(document.querySelector(".bar"))</script>`)})
	path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
	for i, p := range decode(t, path, msg.FPS(60), movingFrames) {
		want := -1.0 // not in sight
		if i >= 29 {
			want = 5 * max(float64(i-30), 0) // seen in one frame, told and begun in the next
		}
		if at := p.bar(); math.Abs(float64(at)-want) > 1 {
			t.Fatalf("in frame %d the bar is at %d, want %.0f", i, at, want)
		}
	}
}

// What a page requests late takes no page time: it is there in the frame after the one that
// requested it.
func TestWhatIsLoadedLateIsThereAtOnce(t *testing.T) {
	slow := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(150 * time.Millisecond): // of real time: ten frames' worth
			case <-r.Context().Done():
			}
			w.Header().Set("Content-Type", kind)
			_, _ = fmt.Fprint(w, body)
		}
	}
	const white = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180"><rect width="100%" height="100%" fill="#fff"/></svg>`
	for name, page := range map[string]string{
		"lazy image":       `<img loading=lazy style="position:absolute;top:4000px;left:0" width=320 height=180 src=/white>`,
		"lazy frame":       `<iframe loading=lazy style="position:absolute;top:4000px;left:0;border:0;width:320px;height:180px" src=/page></iframe>`,
		"background image": `<style>b{position:absolute;top:4000px;left:0;width:320px;height:180px}b.on{background:url(/white)}</style><b></b><script>new IntersectionObserver(([e]) => e.isIntersecting && e.target.classList.add("on")).observe(document.querySelector("b"))</script>`,
		"web font": `<style>b{position:absolute;top:4000px;left:0;width:320px;height:180px}.on{background:#fff}</style><b></b><script>new IntersectionObserver(async ([e]) => {
			if (e.isIntersecting) { await new FontFace("late", "url(/font.ttf)").load(); e.target.classList.add("on") } }).observe(document.querySelector("b"))</script>`,
		"data": `<style>b{position:absolute;top:4000px;left:0;width:320px;height:180px}</style><b></b><script>new IntersectionObserver(async ([e]) => {
			if (e.isIntersecting) { e.target.style.background = await (await fetch("/colour")).text() } }).observe(document.querySelector("b"))</script>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{
				"/":         html(barStyle + jump + page),
				"/white":    slow("image/svg+xml", white),
				"/page":     slow("text/html", `<body style="background:#fff">`),
				"/colour":   slow("text/plain", "#fff"),
				"/font.ttf": file(font(t)),
			})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			first := movingFrames
			for i, p := range decode(t, path, msg.FPS(60), movingFrames) {
				if p.at(10, 100) > 127 {
					first = i
					break
				}
			}
			if first < 28 || first > 32 { // 28 or 29 shows the place; then it is asked for
				t.Errorf("it is there in frame %d, want 28 to 32", first)
			}
		})
	}
}
