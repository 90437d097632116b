package capture_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// npm serves the libraries of testdata/npm below /npm/.
func npm(t *testing.T) http.HandlerFunc {
	t.Helper()
	modules := filepath.Join("testdata", "npm", "node_modules")
	for _, name := range []string{"gsap", "lottie-web", "three"} {
		if _, err := os.Stat(filepath.Join(modules, name, "package.json")); err != nil {
			t.Fatalf("the npm package %s is not there, run `make setup-npm`: %v", name, err)
		}
	}
	return http.StripPrefix("/npm/", http.FileServer(http.Dir(modules))).ServeHTTP
}

func TestMovingByLibrary(t *testing.T) {
	const lottie = `<script src=/npm/lottie-web/build/player/lottie.js></script><div id=l style="position:absolute;top:0;left:0;width:320px;height:180px"></div>
		<script>lottie.loadAnimation({ container: document.getElementById("l"), path: "/lottie.json", `
	const gsap = `<script src=/npm/gsap/dist/gsap.js></script><script src=/npm/gsap/dist/ScrollTrigger.js></script><div class=bar></div><script>`
	for name, test := range map[string]struct {
		page http.HandlerFunc
		at   func(ms float64) float64
	}{
		"GSAP":          {html(barStyle + gsap + `gsap.to(".bar", { x: 400, duration: 2, ease: "none" })</script>`), even(200)},
		"GSAP timeline": {html(barStyle + gsap + `gsap.timeline().to(".bar", { left: 100, duration: .5, ease: "none" }).to(".bar", { left: 300, duration: 1, ease: "none" })</script>`), even(200)},
		"GSAP ScrollTrigger": {html(barStyle + `<style>html{height:3000px;background:#000}body{overflow:visible}.bar{position:fixed}</style>` + gsap + `
			gsap.to(".bar", { x: 282, ease: "none", scrollTrigger: { start: 0, end: 2820, scrub: true } });
			let n = 0; requestAnimationFrame(function f() { scrollTo(0, 20 * ++n); requestAnimationFrame(f) })</script>`), even(120)},
		"Lottie as SVG":      {html(barStyle + lottie + `renderer: "svg" })</script>`), even(200)},
		"Lottie on a canvas": {html(barStyle + lottie + `renderer: "canvas" })</script>`), even(200)},
		"three.js":           {file("testdata/moving/three.html"), even(200)},
		"three.js, clip":     {file("testdata/moving/three-mixer.html"), even(200)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			barPage{at: test.at}.checkAt(t, site(t, map[string]http.HandlerFunc{
				"/": test.page, "/npm/": npm(t), "/lottie.json": file("testdata/moving/lottie.json"),
			}))
		})
	}
}
