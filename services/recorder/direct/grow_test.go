package direct

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// stageGrows is a page of blocks that gets as many more when the script that it is given calls
// grow().
func stageGrows(blocks, more int, script string) string {
	return stageStyle + stageStripes(0, blocks) + `<template>` + stageStripes(blocks, more) + `</template><script>
		const more = document.querySelector("template")
		const grow = () => { document.body.append(more.content); more.remove() }
		` + script + `</script>`
}

// Each frame is where the curve leads from where the page was when it grew; nothing jumps.
func TestAScrollFollowsAPageThatGrows(t *testing.T) {
	t.Parallel()
	const frames, first, all = 36, 40, 60
	body := stageGrows(first, all-first, `addEventListener("scroll", () => { if (scrollY >= 300 && more.isConnected) grow() })`)
	old, end := float64(first*stageBlock-stageHeight), float64(all*stageBlock-stageHeight)
	var warned []msg.Warning
	shot := stagePage(body, frames, scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.5, Easing: "ease-in-out"}})
	shot.warned = &warned
	since, from := 0.0, 0.0 // where the curve was when the page grew, and the page
	for i, p := range shot.mustTake(t) {
		curve := ease("ease-in-out", min(stageFrame(i).Seconds()/0.5, 1))
		want := old * curve
		if since > 0 {
			want = from + (end-from)*(curve-since)/(1-since)
		} else if want >= 300 {
			since, from = curve, want
		}
		near(t, i, p.scrolled(0), want)
	}
	if len(warned) > 0 {
		t.Errorf("the scene is warned of %v", warned)
	}
}

// As fast as it was asked for, for as long as it takes.
func TestAScrollAtASpeedKeepsItWhenThePageGrows(t *testing.T) {
	t.Parallel()
	body := stageGrows(20, 40, `addEventListener("scroll", () => { if (scrollY >= 200 && more.isConnected) grow() })`)
	shot := stagePage(body, 50, scene.Options{Scroll: &scene.Scroll{To: "end", Speed: 1600, DelaySeconds: 0.1}})
	for i, p := range shot.mustTake(t) {
		near(t, i, p.scrolled(0), min(max(stageFrame(i).Seconds()-0.1, 0)*1600, 60*stageBlock-stageHeight))
	}
}

// A preloader covers the page, which may not be scrolled and is not there yet.
func TestAScrollBeginsWhenThePageIsThere(t *testing.T) {
	t.Parallel()
	const frames, blocks, there = 60, 60, 20
	body := stageStyle + `<style>body.lock{overflow:hidden;height:100%}</style><template>` + stageStripes(0, blocks) + `</template><body><script>
		document.body.className = "lock"
		let n = 0
		requestAnimationFrame(function f() {
			if (++n < ` + fmt.Sprint(there) + `) return requestAnimationFrame(f)
			document.body.append(document.querySelector("template").content)
			document.body.className = ""
		})</script>`
	end := float64(blocks*stageBlock - stageHeight)
	for name, scroll := range map[string]scene.Scroll{"in seconds": {To: "end", Seconds: 0.9}, "at a speed": {To: "end", Speed: 2000}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var warned []msg.Warning
			shot := stagePage(body, frames, scene.Options{Scroll: &scroll})
			shot.warned = &warned
			pictures := shot.mustTake(t)
			was := 0
			for i, p := range pictures {
				now := p.scrolled(0)
				if now < was || now-was > 2000/60+2 {
					t.Errorf("frame %d is at %d, that before at %d", i, now, was)
				}
				was = now
			}
			near(t, frames-1, pictures[frames-1].scrolled(0), end)
			if len(warned) > 0 {
				t.Errorf("the scene is warned of %v", warned)
			}
		})
	}
}

// A page without end is not chased: it would fly past.
func TestAScrollFollowsAnEndlessPageToABound(t *testing.T) {
	t.Parallel()
	const frames = 40
	body := stageStyle + stageStripes(0, 400) + `<style>.stripe:nth-of-type(n + 61){display:none}</style><script>let shown = 60
		addEventListener("scroll", () => {
			if (document.documentElement.scrollHeight - innerHeight - scrollY > 200) return
			for (const s of [...document.querySelectorAll(".stripe")].slice(shown, shown += 40)) s.style.display = "block"
		})</script>`
	var warned []msg.Warning
	shot := stagePage(body, frames, scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.5}})
	shot.warned = &warned
	was, end := 0, 60*stageBlock-stageHeight
	for i, p := range shot.mustTake(t) {
		now := p.scrolled(0)
		if most := 3*end/30 + 2; now-was > most {
			t.Errorf("frame %d is %d pixels further than that before: it may go %d", i, now-was, most)
		}
		was = now
	}
	if was < end+200 || was > 3*end {
		t.Errorf("it ends at %d: it was %d long", was, end)
	}
	if len(warned) != 1 || warned[0].Code != msg.CodeSceneScroll || !strings.Contains(warned[0].Message, "Scene 1: scroll ended after") {
		t.Errorf("the scene is warned of %v", warned)
	}
}

func TestAScrollSidewaysGoesWhereItsCurveIs(t *testing.T) {
	t.Parallel()
	const frames, width = 24, 1320
	// The picture tells how far from where it begins what scrolls is.
	tells := func(style, html, far string) string {
		return stageBarcode + `<style>` + style + `</style>` + html + `<script>requestAnimationFrame(function f(){paint(Math.round(` + far + `));requestAnimationFrame(f)})</script>`
	}
	gallery := `<div id=box style="position:relative;overflow-x:auto;height:120px;margin-top:40px"><p id=wide style="width:1320px;height:90px;margin:0"><b style="position:absolute;margin-left:500px" id=here>x</b></p></div>`
	for name, test := range map[string]struct {
		body, to string
		want     float64
	}{
		"the document":  {tells("main{width:1320px;height:90px}", "<main></main>", "scrollX"), "end", width - stageWidth},
		"right to left": {tells("html{direction:rtl}main{width:1320px;height:90px}", "<main></main>", "-scrollX"), "end", width - stageWidth},
		"a gallery on a page that is scrolled down": {tells("body{height:2000px}", gallery, "box.scrollLeft"), "700", 700},
		"to an element": {tells("body{height:2000px}", gallery, "box.scrollLeft"), "#here", 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scroll := &scene.Scroll{To: test.to, Axis: scene.AxisX, Seconds: 0.15, PauseSeconds: 0.05, Back: true}
			var warned []msg.Warning
			shot := stagePage(test.body, frames, scene.Options{Scroll: scroll, Prescroll: true})
			shot.warned = &warned
			for i, p := range shot.mustTake(t) {
				at := stageFrame(i).Seconds()
				want := test.want * min(at/0.15, 1)
				if back := (at - 0.2) / 0.15; back > 0 {
					want = test.want * (1 - min(back, 1))
				}
				if got := p.number(10); math.Abs(float64(got)-want) > 1 {
					t.Fatalf("in frame %d it is scrolled by %d, want %.1f", i, got, want)
				}
			}
			if len(warned) > 0 {
				t.Errorf("the scene is warned of %v", warned)
			}
		})
	}
}

func TestAScrollThatGoesNowhereIsWarnedOf(t *testing.T) {
	t.Parallel()
	long := stageStyle + stageStripes(0, 20) // 220 pixels to go
	action := func(a scene.Action) scene.Options { return scene.Options{Actions: []scene.Action{a}} }
	for name, test := range map[string]struct {
		body    string
		options scene.Options
		says    string // nothing is warned of
	}{
		"nothing to scroll": {stageStyle + "x", scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.1}},
			"Scene 1: scroll moved nothing: nothing in the page could be scrolled down."},
		"to the scene's end":    {stageStyle + "x", scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.25}}, "scroll moved nothing"},
		"beyond it, to the end": {long, scene.Options{Scroll: &scene.Scroll{To: "500", Seconds: 0.25}}, "scroll ended after"},
		"all of it, to the end": {long, scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.25}}, ""},
		"at a speed":            {stageStyle + "x", scene.Options{Scroll: &scene.Scroll{To: "end", Speed: 100}}, "scroll moved nothing"},
		"in vain": {long + `<script>addEventListener("scroll",()=>scrollTo({top:0,behavior:"instant"}))</script>`,
			scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.1}}, "scroll moved nothing"},
		"sideways":       {long, scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.1, Axis: "x"}}, "could be scrolled sideways"},
		"beyond the end": {long, scene.Options{Scroll: &scene.Scroll{To: "500", Seconds: 0.1}}, "scroll ended after 220 pixels, before where it was to lead"},
		"an element that moves away from the mouse's wheel": {stageStyle + `<style>html,body{overflow:hidden}</style><p id=here style="position:fixed;top:500px">x</p>`,
			scene.Options{Scroll: &scene.Scroll{To: "#here", Seconds: 0.1}}, "scroll ended with the element that it leads to off the screen"},
		"an action":         {long, action(scene.Action{Do: "scroll", Y: 300}), "action 1 (scroll) ended after 220 pixels"},
		"all of the way":    {long, scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.1, Back: true}}, ""},
		"to the top":        {long, scene.Options{Scroll: &scene.Scroll{To: "0", Seconds: 0.1}}, ""},
		"an element there":  {long, scene.Options{Scroll: &scene.Scroll{To: "#s3", Speed: 1000}}, ""},
		"an action's way":   {long, action(scene.Action{Do: "scroll", Y: 200, Seconds: 0.1}), ""},
		"under way at last": {long, scene.Options{Scroll: &scene.Scroll{To: "end", Speed: 100}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var warned []msg.Warning
			shot := stagePage(test.body, 15, test.options)
			shot.warned = &warned
			shot.mustTake(t)
			if test.says == "" && len(warned) > 0 || test.says != "" && (len(warned) != 1 || !strings.Contains(warned[0].Message, test.says)) {
				t.Errorf("the scene is warned of %v, want %q", warned, test.says)
			}
		})
	}
}
