package capture_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
)

// barPage is a page with one bar in each row. In the page of a bar, BAR stands for its class, and
// TOP for the top of its row.
func barPage(bars []bar) string {
	var page strings.Builder
	page.WriteString(`<style>body{margin:0;background:#000;overflow:hidden}.bar{position:absolute;left:0;width:16px;height:16px;background:#fff}</style>`)
	for row, b := range bars {
		class, top := fmt.Sprint("bar", row), fmt.Sprintf("%dpx", rowHeight*row)
		page.WriteString(strings.NewReplacer("BAR", class, "TOP", top).Replace(`<style>.BAR{top:TOP}</style>` + b.page))
	}
	return page.String()
}

func TestMovingByStyle(t *testing.T) {
	t.Parallel()
	s := shot{frames: movingFrames}.shared(t)
	for name, bars := range map[string][]bar{
		"in every frame": {
			{"animation of transform", `<style>.BAR{animation:BAR 2s linear}@keyframes BAR{to{transform:translateX(400px)}}</style><div class="bar BAR"></div>`, even(200)},
			{"animation of left", `<style>.BAR{animation:BAR 2s linear}@keyframes BAR{to{left:400px}}</style><div class="bar BAR"></div>`, even(200)},
			{"animation that turns back", `<style>.BAR{animation:BAR .5s linear infinite alternate}@keyframes BAR{to{transform:translateX(200px)}}</style>
				<div class="bar BAR"></div>`, func(ms float64) float64 { return 200 - math.Abs(math.Mod(ms, 1000)-500)*0.4 }},
			{"animation of a registered property", `<style>@property --x{syntax:"<length>";inherits:false;initial-value:0px}
				.BAR{animation:BAR 2s linear;left:calc(var(--x) * 2)}@keyframes BAR{to{--x:200px}}</style><div class="bar BAR"></div>`, even(200)},
			{"transition", `<style>.BAR{transition:transform 1s ease}</style><div class="bar BAR"></div><script>
				requestAnimationFrame(() => { document.querySelector(".BAR").style.transform = "translateX(250px)" })</script>`,
				eased(250, 1000, .25, .1, .25, 1)},
			{"transition from a starting style", `<style>.BAR{left:200px;transition:left 1s linear}@starting-style{.BAR{left:0}}</style><div class="bar BAR"></div>`,
				func(ms float64) float64 { return 200 * min(ms/1000, 1) }},
			{"script-made animation", `<div class="bar BAR"></div><script>document.querySelector(".BAR").animate(
				{ transform: ["none", "translateX(250px)"] }, { duration: 1200, easing: "cubic-bezier(.4, 0, .2, 1)", fill: "both" })</script>`,
				eased(250, 1200, .4, 0, .2, 1)},
			{"script-made animation, faster and from its middle", `<div class="bar BAR"></div><script>{ const a = document.querySelector(".BAR")
				.animate({ left: ["0px", "300px"] }, { duration: 6000, fill: "both" }); a.playbackRate = 2; a.currentTime = 1000 }</script>`,
				func(ms float64) float64 { return 50 + ms/10 }},
			{"SVG's own animation", `<svg style="position:absolute;top:TOP;left:0" width=320 height=16><rect width=16 height=16 fill=#fff>
				<animate attributeName=x from=0 to=400 dur=2s /></rect></svg>`, even(200)},
			{"SVG's own transform", `<svg style="position:absolute;top:TOP;left:0" width=320 height=16><rect width=16 height=16 fill=#fff>
				<animateTransform attributeName=transform type=translate from=0 to=400 dur=2s /></rect></svg>`, even(200)},
			{"motion path", `<style>.BAR{offset:path("M 8 8 H 408");offset-rotate:0deg;animation:BAR 2s linear}
				@keyframes BAR{from{offset-distance:0%}to{offset-distance:100%}}</style><div class="bar BAR"></div>`, even(200)},
		},
		"now and then": {
			{"animation in steps", `<style>.BAR{animation:BAR .97s steps(10, end) infinite}@keyframes BAR{to{left:300px}}</style><div class="bar BAR"></div>`,
				func(ms float64) float64 { return 30 * math.Floor(math.Mod(ms, 970)/97) }},
			{"animation after a delay", `<style>.BAR{animation:BAR 1s .5s linear both}@keyframes BAR{to{transform:translateX(200px)}}</style><div class="bar BAR"></div>`,
				func(ms float64) float64 { return 200 * min(max(ms-500, 0)/1000, 1) }},
		},
		"as a whole": {
			{"view transition", `<style>.BAR{view-transition-name:bar}.BAR.on{left:250px}
				::view-transition-group(bar){animation-duration:1s;animation-timing-function:linear}</style><div class="bar BAR"></div><script>
				requestAnimationFrame(() => document.startViewTransition(() => document.querySelector(".BAR").classList.add("on")))</script>`,
				// from the frame after that on
				func(ms float64) float64 { return 250 * min(max(ms-1000./60, 0)/1000, 1) }},
		},
	} {
		t.Run(name, func(t *testing.T) {
			pictures := s.captured(t, map[string]http.HandlerFunc{"/": html(barPage(bars))})
			for row, b := range bars {
				t.Run(b.name, func(t *testing.T) { checkBar(t, edgesIn(pictures, row), b.at) })
			}
		})
	}
}
