package capture_test

import (
	"math"
	"testing"
)

func TestMovingByStyle(t *testing.T) {
	for _, test := range []barPage{
		{"animation of transform", `<style>.bar{animation:m 2s linear}@keyframes m{to{transform:translateX(400px)}}</style><div class=bar></div>`, even(200)},
		{"animation of left", `<style>.bar{animation:m 2s linear}@keyframes m{to{left:400px}}</style><div class=bar></div>`, even(200)},
		{"animation in steps", `<style>.bar{animation:m .97s steps(10, end) infinite}@keyframes m{to{left:300px}}</style><div class=bar></div>`,
			func(ms float64) float64 { return 30 * math.Floor(math.Mod(ms, 970)/97) }},
		{"animation that turns back", `<style>.bar{animation:m .5s linear infinite alternate}@keyframes m{to{transform:translateX(200px)}}</style><div class=bar></div>`,
			func(ms float64) float64 { return 200 - math.Abs(math.Mod(ms, 1000)-500)*0.4 }},
		{"animation after a delay", `<style>.bar{animation:m 1s .5s linear both}@keyframes m{to{transform:translateX(200px)}}</style><div class=bar></div>`,
			func(ms float64) float64 { return 200 * min(max(ms-500, 0)/1000, 1) }},
		{"animation of a registered property", `<style>@property --x{syntax:"<length>";inherits:false;initial-value:0px}
			.bar{animation:m 2s linear;left:calc(var(--x) * 2)}@keyframes m{to{--x:200px}}</style><div class=bar></div>`, even(200)},
		{"transition", `<style>.bar{transition:transform 1s ease}</style><div class=bar></div><script>
			const bar = document.querySelector(".bar"); requestAnimationFrame(() => { bar.style.transform = "translateX(250px)" })</script>`,
			eased(250, 1000, .25, .1, .25, 1)},
		{"transition from a starting style", `<style>.bar{left:200px;transition:left 1s linear}@starting-style{.bar{left:0}}</style><div class=bar></div>`,
			func(ms float64) float64 { return 200 * min(ms/1000, 1) }},
		{"script-made animation", `<div class=bar></div><script>document.querySelector(".bar").animate(
			{ transform: ["none", "translateX(250px)"] }, { duration: 1200, easing: "cubic-bezier(.4, 0, .2, 1)", fill: "both" })</script>`,
			eased(250, 1200, .4, 0, .2, 1)},
		{"script-made animation, faster and from its middle", `<div class=bar></div><script>const a = document.querySelector(".bar")
			.animate({ left: ["0px", "300px"] }, { duration: 6000, fill: "both" }); a.playbackRate = 2; a.currentTime = 1000</script>`,
			func(ms float64) float64 { return 50 + ms/10 }},
		{"SVG's own animation", `<svg style="position:absolute;top:0;left:0" width=320 height=180><rect y=140 width=16 height=40 fill=#fff>
			<animate attributeName=x from=0 to=400 dur=2s /></rect></svg>`, even(200)},
		{"SVG's own transform", `<svg style="position:absolute;top:0;left:0" width=320 height=180><rect y=140 width=16 height=40 fill=#fff>
			<animateTransform attributeName=transform type=translate from=0 to=400 dur=2s /></rect></svg>`, even(200)},
		{"view transition", `<style>.bar{view-transition-name:bar}.bar.on{left:250px}
			::view-transition-group(bar){animation-duration:1s;animation-timing-function:linear}</style><div class=bar></div><script>
			requestAnimationFrame(() => document.startViewTransition(() => document.querySelector(".bar").classList.add("on")))</script>`,
			// from the frame after that on
			func(ms float64) float64 { return 250 * min(max(ms-1000./60, 0)/1000, 1) }},
		{"motion path", `<style>.bar{offset:path("M 8 20 H 408");offset-rotate:0deg;animation:m 2s linear}@keyframes m{from{offset-distance:0%}to{offset-distance:100%}}</style>
			<div class=bar></div>`, even(200)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.check(t)
		})
	}
}
