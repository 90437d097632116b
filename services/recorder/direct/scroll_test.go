package direct

import (
	"math"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

// stageFrame is the time of frame n at 60 a second.
func stageFrame(n int) time.Duration {
	return time.Duration(n) * time.Second / 60 / grain * grain
}

const stageStyle = `<style>html{scroll-behavior:smooth}body{margin:0;background:#000}</style>`

// near compares with what is expected, a pixel more or less: the compositor draws whole pixels.
func near(t *testing.T, frame, got int, want float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 1 {
		t.Fatalf("in frame %d the page is scrolled to %d, want %.2f", frame, got, want)
	}
}

func TestEveryFrameOfAScrollIsWhereItsCurveIs(t *testing.T) {
	t.Parallel()
	const blocks, frames = 60, 50
	end := float64(blocks*stageBlock - stageHeight)
	for _, easing := range []string{"linear", "ease-in", "ease-out", "ease-in-out"} {
		t.Run(easing, func(t *testing.T) {
			o := scene.Options{Scroll: &scene.Scroll{
				To: "end", Seconds: 0.25, Easing: easing, DelaySeconds: 0.1, PauseSeconds: 0.1, Back: true,
			}}
			for i, p := range stagePage(stageStyle+stageStripes(0, blocks), frames, o).mustTake(t) {
				at := stageFrame(i).Seconds()
				want := end * ease(easing, min(max((at-0.1)/0.25, 0), 1))
				if back := (at - 0.45) / 0.25; back > 0 {
					want = end * (1 - ease(easing, min(back, 1)))
				}
				near(t, i, p.scrolled(0), want)
			}
		})
	}
}

func TestScrollsEndWhereTheyAreAskedTo(t *testing.T) {
	t.Parallel()
	const frames = 16 // the last at 0.25 s
	stripes := stageStripes(0, 60)
	end := float64(60*stageBlock - stageHeight)
	for name, test := range map[string]struct {
		body string
		to   string
		want float64
		top  int // of what the picture shows of the stripes
	}{
		"a number":                {stageStyle + stripes, "333", 333, 0},
		"beyond the end":          {stageStyle + stripes, "99999", end, 0},
		"an element":              {stageStyle + stripes, "#s21", 420, 0},
		"an element near the end": {stageStyle + stripes, "#s58", end, 0},
		"under a fixed header":    {stageStyle + `<header style="position:fixed;top:0;width:100%;height:40px;background:#888"></header>` + stripes, "#s21", 380, 40},
		"with a scroll margin":    {stageStyle + `<style>.stripe{scroll-margin-top:30px}</style>` + stripes, "#s21", 390, 0},
		"in a box that is the page's scroller": {stageStyle + `<style>html,body{height:100%;overflow:hidden}main{height:100%;overflow:auto}</style><main>` +
			stripes + "</main>", "end", end, 0},
		"to an element in such a box": {stageStyle + `<style>html,body{height:100%;overflow:hidden}main{height:100%;overflow:auto}</style><main>` +
			stripes + "</main>", "#s21", 420, 0},
		"in a body that scrolls": {stageStyle + `<style>html{height:100%;overflow:hidden}body{height:100%;overflow:auto}</style>` + stripes, "end", end, 0},
		"in a box on a page that does not scroll": {stageStyle + `<style>body{overflow:hidden}main{height:180px;overflow:auto}</style><main>` +
			stripes + `</main><div style="height:50px"></div>`, "end", end, 0},
		"on a page that is as high as it is": {stageStyle + `<style>html,body{height:100%}</style>` + stripes, "end", end, 0},
		"on an old page":                     {stageQuirks + stageStyle + stripes, "#s21", 420, 0},
		"on a page that snaps":               {stageStyle + `<style>html{scroll-snap-type:y mandatory}.stripe{scroll-snap-align:start}</style>` + stripes, "#s21", 420, 0},
		// What grows above the element on the way is above it at the end, too.
		"to what moves away": {stageStyle + stripes + `<script>let once;addEventListener("scroll",()=>{
			// read off the element's number
			if(scrollY>200&&!once){once=true;document.querySelector("#s30").style.height="120px"}})</script>`, "#s40", 800, 0},
		// What scrolls is in an open shadow root, with what stands in its slot, as in Ionic's
		// ion-content.
		"in a box of a shadow root": {stageStyle + `<style>html,body{height:100%;overflow:hidden}x-page{display:block;height:100%}</style><x-page>` +
			stripes + `</x-page><script>document.querySelector("x-page").attachShadow({mode:"open"}).innerHTML=
			"<style>main{height:100%;overflow-y:auto}</style><main><slot></slot></main>"</script>`, "end", end, 0},
		"in a frame that is the page": {stageStyle + `<style>html,body{height:100%;overflow:hidden}iframe{border:0;width:100%;height:100%}</style><iframe></iframe>
			<template>` + stageStyle + stripes + `</template><script>document.querySelector("iframe").srcdoc="<!doctype html>"+document.querySelector("template").innerHTML</script>`,
			"end", end, 0},
		"in a box in such a frame": {stageStyle + `<style>html,body{height:100%;overflow:hidden}iframe{border:0;width:100%;height:100%}</style><iframe></iframe>
			<template>` + stageStyle + `<style>main{height:180px;overflow:auto}</style><main>` + stripes + `</main></template>
			<script>document.querySelector("iframe").srcdoc="<!doctype html>"+document.querySelector("template").innerHTML</script>`, "333", 333, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pictures := stagePage(test.body, frames, scene.Options{Scroll: &scene.Scroll{To: test.to, Seconds: 0.2}}).mustTake(t)
			near(t, 0, pictures[0].scrolled(test.top), 0)
			if half := pictures[6].scrolled(test.top); half < 100 || float64(half) > test.want-100 {
				t.Errorf("in frame 6 the page is scrolled to %d: it should be half way", half)
			}
			near(t, frames-1, pictures[frames-1].scrolled(test.top), test.want)
		})
	}
}

func TestAScrollTakesTheTimeThatIsAskedFor(t *testing.T) {
	t.Parallel()
	const frames = 30
	last := stageFrame(frames - 1).Seconds()
	for name, test := range map[string]struct {
		scroll scene.Scroll
		want   func(at float64) float64
	}{
		"at a speed": {scene.Scroll{To: "300", Speed: 1200, DelaySeconds: 0.105}, func(at float64) float64 {
			return min(max(at-0.105, 0)*1200, 300)
		}},
		"in the scene's time": {scene.Scroll{To: "300"}, func(at float64) float64 { return 300 * at / last }},
		"there and back in the scene's time": {scene.Scroll{To: "300", Back: true}, func(at float64) float64 {
			return 300 * (1 - math.Abs(at-last/2)/(last/2))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, p := range stagePage(stageStyle+stageStripes(0, 40), frames, scene.Options{Scroll: &test.scroll}).mustTake(t) {
				near(t, i, p.scrolled(0), test.want(stageFrame(i).Seconds()))
			}
		})
	}
}

// The page's own code sees each step of a scroll in the frame that shows it.
func TestThePageSeesAScrollInItsFrame(t *testing.T) {
	t.Parallel()
	const frames = 40
	body := stageBarcode + `<div style="height:2000px"></div><script>let events=0,n=0;
		addEventListener("scroll",()=>events++);
		requestAnimationFrame(function f(){paint(Math.round(scrollY)*16+events%16);requestAnimationFrame(f)})</script>`
	for i, p := range stagePage(body, frames, scene.Options{Scroll: &scene.Scroll{To: "600", Seconds: 1, DelaySeconds: 0.1}}).mustTake(t) {
		at := stageFrame(i).Seconds()
		y, events := p.number(10)/16, p.number(10)%16
		want := math.Max(at-0.1, 0) * 600
		if math.Abs(float64(y)-want) > 1 || events != max(i-6, 0)%16 {
			t.Fatalf("in frame %d the page saw %d and %d scroll events, want %.1f and %d", i, y, events, want, max(i-6, 0)%16)
		}
	}
}
