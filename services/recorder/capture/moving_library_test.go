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

// A page that GSAP's ScrollTrigger moves has an iframe for each other library. A row shows the top
// of the iframe's bar.
func TestMovingByLibrary(t *testing.T) {
	const lottie = `<script src=/npm/lottie-web/build/player/lottie.js></script><div id=l style="position:absolute;top:0;left:0;width:320px;height:180px"></div>
		<script>lottie.loadAnimation({ container: document.getElementById("l"), path: "/lottie.json", `
	const gsap = `<script src=/npm/gsap/dist/gsap.js></script><script src=/npm/gsap/dist/ScrollTrigger.js></script><div class=bar></div><script>`
	libraries := []struct {
		name string
		page http.HandlerFunc
	}{
		{"GSAP", html(barStyle + gsap + `gsap.to(".bar", { x: 400, duration: 2, ease: "none" })</script>`)},
		{"GSAP timeline", html(barStyle + gsap + `gsap.timeline().to(".bar", { left: 100, duration: .5, ease: "none" }).to(".bar", { left: 300, duration: 1, ease: "none" })</script>`)},
		{"Lottie as SVG", html(barStyle + lottie + `renderer: "svg" })</script>`)},
		{"Lottie on a canvas", html(barStyle + lottie + `renderer: "canvas" })</script>`)},
		{"three.js", file("testdata/moving/three.html")},
		{"three.js, clip", file("testdata/moving/three-mixer.html")},
	}
	t.Parallel()
	pages := map[string]http.HandlerFunc{"/npm/": npm(t), "/lottie.json": file("testdata/moving/lottie.json")}
	page := `<style>body{margin:0}html{height:3000px;background:#000}.bar{position:fixed;top:0;left:0;width:16px;height:16px;background:#fff}
		p{position:fixed;margin:0;left:0;width:320px;height:16px;overflow:hidden}iframe{position:absolute;top:-148px;border:0;width:320px;height:180px}</style>` + gsap + `
		gsap.to(".bar", { x: 282, ease: "none", scrollTrigger: { start: 0, end: 2820, scrub: true } });
		let n = 0; requestAnimationFrame(function f() { scrollTo(0, 20 * ++n); requestAnimationFrame(f) })</script>`
	for i, library := range libraries {
		path := fmt.Sprint("/", i)
		pages[path] = library.page
		page += fmt.Sprintf(`<p style="top:%dpx"><iframe src=%s></iframe></p>`, rowHeight*(i+1), path)
	}
	pages["/"] = html(page)
	pictures := captured(t, pages)
	t.Run("GSAP ScrollTrigger", func(t *testing.T) { checkBar(t, edgesIn(pictures, 0), even(120)) })
	for i, library := range libraries {
		t.Run(library.name, func(t *testing.T) { checkBar(t, edgesIn(pictures, i+1), even(200)) })
	}
}
