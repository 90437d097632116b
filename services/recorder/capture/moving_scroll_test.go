package capture_test

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// slope is a page of 3,000 pixels. A row of the picture is white from that pixel on that the page
// is scrolled to. In each frame it calls step, then paints the scroll position that its scripts
// read.
const slope = barcode + `<style>html{height:3000px}body{overflow:visible}html,body{background:#000}i{position:fixed;z-index:1}svg{position:absolute;top:0;left:0}</style>
	<svg width=320 height=3000><polygon points="0,150 320,470 320,150" fill=#fff /></svg>
	<script>requestAnimationFrame(function f() { step(); paint(scrollY * 8); requestAnimationFrame(f) })</script>`

// Chrome chooses how a smooth scroll moves. Every frame shows the page at the position that its
// scripts read, and none is left out. The page scrolls down by one means after the other, and back
// to its top at once.
func TestMovingByScroll(t *testing.T) {
	means := []struct {
		name, script string // begins it
		end          int
	}{
		{"scrollTo", `scrollTo({ top: 200, behavior: "smooth" })`, 200},
		{"scrollIntoView", `document.querySelector(".here").scrollIntoView({ behavior: "smooth" })`, 160},
		{"scroll-behavior", `scrollTo(0, 200)`, 200},
		{"scroll-snap", `scrollTo({ top: 150, behavior: "smooth" })`, 180},
		{"a script of its own", `own = true`, 100},
	}
	page := slope + `<style>.scroll-behavior{scroll-behavior:smooth}.scroll-snap{scroll-snap-type:y mandatory}div{position:absolute;height:180px}.scroll-snap div{scroll-snap-align:start}</style>
		<div style="top:0"></div><div style="top:180px"></div><p class=here style="position:absolute;margin:0;top:160px;height:180px"></p><script>
		const root = document.documentElement, means = [`
	for _, m := range means {
		page += fmt.Sprintf("[%q, %d, () => { %s }],", m.name, m.end, m.script)
	}
	page += `];
		let now = 0, begun = false, arrived = false, own = false, y = 0;
		function step() {
			if (now == means.length) return;
			const [name, end, begin] = means[now];
			if (arrived) {
				root.className = ""; scrollTo({ top: 0, behavior: "instant" }); now++; begun = arrived = own = false;
				return;
			}
			if (!begun) { begun = true; root.className = name; begin() }
			if (own) scrollTo(0, y += 2.5);
			arrived = Math.abs(scrollY - end) < 1;
		}</script>`
	const frames = 120
	t.Parallel()
	path, _ := shot{url: site(t, map[string]http.HandlerFunc{"/": html(page)}), frames: frames}.mustTake(t)
	scrolls := [][]int{nil} // by means: the positions from the top on
	last := 0
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		told, shown := float64(p.number())/8, p.edge(150)
		if math.Abs(told-float64(shown)) > 2 { // a slope's edge is not sharp
			t.Fatalf("in frame %d the page is at %d, and its scripts are told %.1f", i, shown, told)
		}
		if last-shown > 50 {
			scrolls = append(scrolls, nil)
		}
		scrolls[len(scrolls)-1] = append(scrolls[len(scrolls)-1], shown)
		last = shown
	}
	for i, m := range means {
		t.Run(m.name, func(t *testing.T) {
			if i >= len(scrolls) {
				t.Fatalf("it did not begin: %v", scrolls)
			}
			checkScroll(t, scrolls[i], m.end)
			if m.name != "a script of its own" {
				return
			}
			for n, at := range scrolls[i] {
				if want := 2.5 * float64(n); math.Abs(float64(at)-want) > 2 {
					t.Fatalf("%d frames after it began, the page is at %d, want %.1f: %v", n, at, want, scrolls[i])
				}
			}
		})
	}
}

// checkScroll checks that a page scrolls from its top to an end: in every frame, and not at once.
func checkScroll(t *testing.T, shown []int, end int) {
	t.Helper()
	moved, last := 0, 0
	for i, at := range shown {
		if at < last {
			t.Fatalf("in frame %d the page goes back from %d to %d: %v", i, last, at, shown)
		}
		if at > last {
			moved++
		} else if last > 10 && last < end-10 {
			t.Fatalf("in frame %d the page stands at %d: %v", i, at, shown)
		}
		last = at
	}
	if last < end-2 || last > end+2 || moved < 10 {
		t.Errorf("the page moves in %d frames and ends at %d, want %d: %v", moved, last, end, shown)
	}
}

// A page that scrolls by 3 pixels in each frame has bars that follow, each in a row of its own.
func TestMovingWithTheScroll(t *testing.T) {
	const scrolling = `<style>html{height:3000px;background:#000}body{margin:0}.bar{position:fixed;left:0;width:16px;height:16px;background:#fff}
		@keyframes m{to{transform:translateX(2820px)}}</style>
		<script>let n = 0; requestAnimationFrame(function f() { scrollTo(0, 3 * ++n); requestAnimationFrame(f) })</script>`
	const late = 4 // what follows a scroll event follows in the next frame: 3 pixels
	rows := []struct {
		name, page string
		within     float64
	}{
		{"scroll timeline", `<style>.s{top:0;animation:m linear;animation-timeline:scroll(root)}</style><div class="bar s"></div>`, 1},
		{"view timeline", `<style>main{position:absolute;top:0;height:3000px;width:1px;view-timeline:--v}body{timeline-scope:--v}
			.v{top:16px;animation:m linear;animation-timeline:--v;animation-range:contain}</style><main></main><div class="bar v"></div>`, 1},
		{"scroll event", `<div class="bar e" style="top:32px"></div><script>onscroll = () => { document.querySelector(".e").style.left = scrollY + "px" }</script>`, late},
	}
	t.Parallel()
	page := scrolling
	for _, row := range rows {
		page += row.page
	}
	pictures := capturedPage(t, page)
	for row, test := range rows {
		t.Run(test.name, func(t *testing.T) {
			for i, at := range edgesIn(pictures, row) {
				if want := float64(3 * (i + 1)); math.Abs(float64(at)-want) > test.within {
					t.Fatalf("in frame %d the bar is at %d, want %.0f", i, at, want)
				}
			}
		})
	}
}

// everyJump is how many frames the page of jumps shows a part, and everyPart how far down each part
// is from the one before: too far for a lazy picture to be loaded before it is shown.
const (
	everyJump = 10
	everyPart = 4000
)

// jumps is a page that jumps from part to part. It shows the first one, part 0, from frame
// everyJump-1 on.
var jumps = fmt.Sprintf(`<style>html{height:40000px;background:#000}body{margin:0}b{position:absolute;width:16px;height:180px}</style>
	<script>let n = 0; requestAnimationFrame(function f() { if (++n %% %d == 0) scrollTo(0, %d * n / %[1]d); requestAnimationFrame(f) })</script>`, everyJump, everyPart)

// when declares what is done with the element PART when it is first visible.
func when(done string) string {
	return `<b id=PART style="top:TOPpx;left:LEFTpx"></b><script>new IntersectionObserver(async ([e], o) => {
		if (!e.isIntersecting) return; o.disconnect(); ` + done + ` }).observe(PART)</script>`
}

// What a page requests late takes no page time: it is there in the frame after the one that
// requested it. What a page moves when it is visible moves from the frame after the one that shows
// it. The parts of the page are alone while they are shown, so nothing else holds the page's time.
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
	parts := []struct{ name, page string }{
		{"lazy image", `<img loading=lazy style="position:absolute;top:TOPpx;left:LEFTpx" width=320 height=180 src=/white>`},
		{"lazy frame", `<iframe loading=lazy style="position:absolute;top:TOPpx;left:LEFTpx;border:0;width:16px;height:180px" src=/page></iframe>`},
		{"background image", when(`PART.style.background = "url(/white?background)"`)},
		{"web font", when(`await new FontFace("late", "url(/font.ttf)").load(); PART.style.background = "#fff"`)},
		{"data", when(`PART.style.background = await (await fetch("/colour")).text()`)},
		{"reveal", `<style>#PART{background:#fff;transition:left 1s linear}</style>` + when(`PART.style.left = "300px"`)},
	}
	t.Parallel()
	page := jumps
	left := func(part int) int { return 20 * (part + 1) }
	for i, part := range parts {
		page += strings.NewReplacer("PART", fmt.Sprint("part", i), "TOP", fmt.Sprint(everyPart*(i+1)), "LEFT", fmt.Sprint(left(i))).Replace(part.page)
	}
	edges := edgesIn(captured(t, map[string]http.HandlerFunc{
		"/":         html(page),
		"/white":    slow("image/svg+xml", white),
		"/page":     slow("text/html", `<body style="background:#fff">`),
		"/colour":   slow("text/plain", "#fff"),
		"/font.ttf": file(font(t)),
	}), 0)
	for i, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			from := everyJump*(i+1) - 1
			shown := edges[from : from+everyJump]
			if part.name != "reveal" {
				if first := slices.Index(shown, left(i)); first < 0 || first > 3 {
					t.Errorf("it is there %d frames after its place, want 0 to 3: %v", first, shown)
				}
				return
			}
			for n, at := range shown { // seen in one frame, told and begun in the next
				if want := float64(left(i)) + (300-float64(left(i)))*max(float64(n-1), 0)/60; math.Abs(float64(at)-want) > 1 {
					t.Fatalf("%d frames after its place, the bar is at %d, want %.0f: %v", n, at, want, shown)
				}
			}
		})
	}
}
