package capture_test

import (
	"fmt"
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

// GSAP moves three bars of one page. It counts from its own beginning, so it is alone: what is
// requested after that may take page time. The other libraries have an iframe each on another page.
// A row shows the top of the iframe's bar.
func TestMovingByLibrary(t *testing.T) {
	const lottie = `<script src=/npm/lottie-web/build/player/lottie.js></script><div id=l style="position:absolute;top:0;left:0;width:320px;height:180px"></div>
		<script>lottie.loadAnimation({ container: document.getElementById("l"), path: "/lottie.json", `
	const gsap = `<style>body{margin:0}html{height:3000px;background:#000}.bar{position:fixed;left:0;width:16px;height:16px;background:#fff}</style>
		<script src=/npm/gsap/dist/gsap.js></script><script src=/npm/gsap/dist/ScrollTrigger.js></script>
		<div class="bar scroll" style="top:0"></div><div class="bar tween" style="top:16px"></div><div class="bar timeline" style="top:32px"></div><script>
		gsap.to(".scroll", { x: 282, ease: "none", scrollTrigger: { start: 0, end: 2820, scrub: true } });
		gsap.to(".tween", { x: 400, duration: 2, ease: "none" });
		gsap.timeline().to(".timeline", { left: 100, duration: .5, ease: "none" }).to(".timeline", { left: 300, duration: 1, ease: "none" });
		let n = 0; requestAnimationFrame(function f() { scrollTo(0, 20 * ++n); requestAnimationFrame(f) })</script>`
	libraries := []struct {
		name string
		page http.HandlerFunc
	}{
		{"Lottie as SVG", html(barStyle + lottie + `renderer: "svg" })</script>`)},
		{"Lottie on a canvas", html(barStyle + lottie + `renderer: "canvas" })</script>`)},
		{"three.js", file("testdata/moving/three.html")},
		{"three.js, clip", file("testdata/moving/three-mixer.html")},
	}
	t.Parallel()
	s := shot{frames: movingFrames}.shared(t)
	pages := map[string]http.HandlerFunc{"/npm/": npm(t), "/lottie.json": file("testdata/moving/lottie.json"), "/": html(gsap)}
	pictures := s.captured(t, pages)
	for row, speed := range []float64{120, 200, 200} {
		t.Run([]string{"GSAP ScrollTrigger", "GSAP", "GSAP timeline"}[row], func(t *testing.T) {
			checkBar(t, edgesIn(pictures, row), even(speed))
		})
	}
	page := `<style>body{margin:0;background:#000}p{position:absolute;margin:0;left:0;width:320px;height:16px;overflow:hidden}
		iframe{position:absolute;top:-148px;border:0;width:320px;height:180px}</style>`
	for row, library := range libraries {
		path := fmt.Sprint("/", row)
		pages[path] = library.page
		page += fmt.Sprintf(`<p style="top:%dpx"><iframe src=%s></iframe></p>`, rowHeight*row, path)
	}
	pages["/"] = html(page)
	pictures = s.captured(t, pages)
	for row, library := range libraries {
		t.Run(library.name, func(t *testing.T) { checkBar(t, edgesIn(pictures, row), even(200)) })
	}
}
