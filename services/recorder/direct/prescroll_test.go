package direct_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

// dot is a picture of one colour.
func dot(colour string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="90"><rect width="320" height="90" fill="%s"/></svg>`, colour)
	}
}

// reveal is a page that is longer than Chrome looks ahead for lazy pictures, which says in the
// colour of its beginning whether all that loads when it is seen is there, once it is back at where
// it was. It is red while the lazy picture has not loaded.
func reveal(style, inner string) http.HandlerFunc {
	return html(`<style>p{margin:0;height:4000px}img+p{height:300px}img,section{display:block;height:90px}` + style + `</style>
		<body style="background:red"><main>` + inner + `<p></p><img loading=lazy src="/dot"><p></p><section></section></main><script>
		const [section, img] = [document.querySelector("section"), document.querySelector("img")]
		new IntersectionObserver(seen => { if (seen[0].intersectionRatio >= .5) section.id = "seen" }, {threshold: .5}).observe(section)
		const scroller = document.querySelector("html.inner main") ?? document.scrollingElement
		requestAnimationFrame(function f() {
			const there = section.id === "seen" && img.naturalWidth > 0
			document.body.style.background = there && scroller.scrollTop === 0 ? "green" : there ? "blue" : img.naturalWidth > 0 ? "yellow" : "red"
			requestAnimationFrame(f)
		})
	</script>`)
}

// box is the style of a page whose body does not scroll, inner the script that says so to reveal.
const (
	box   = "body,html{height:100%;overflow:hidden}main,aside{overflow:auto}"
	inner = `<script>document.documentElement.className = "inner"</script>`
)

func TestWhatLoadsWhenItIsSeenIsThereInTheFirstFrame(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		"/":       reveal("", ""),
		"/smooth": reveal("html{scroll-behavior:smooth}", ""),
		"/inner":  reveal(box+"main{height:100%}", inner),
		// Another box that scrolls lies over the middle of the window.
		"/beneath": reveal(box+"main{height:100%}aside{position:fixed;left:130px;top:60px;width:60px;height:60px}", inner+`<aside><p></p></aside>`),
		// The document is longer than the window, but may not be scrolled.
		"/locked": reveal(box+"body{height:300%}main{height:100vh}", inner),
		// What scrolls is in a shadow root.
		"/shadow": reveal(box+"x-page{display:block;height:100%}main{height:100%}", inner+`<script>
			addEventListener("DOMContentLoaded", () => {
				const page = document.body.appendChild(document.createElement("x-page"))
				page.attachShadow({mode: "open"}).innerHTML = "<style>main{height:100%;overflow:auto}p{margin:0;height:4000px}img+p{height:300px}img,section{display:block;height:90px}</style>"
				page.shadowRoot.append(document.querySelector("main"))
			})</script>`),
		// A preloader covers the page for a second.
		"/covered": reveal("html.cover{overflow:hidden}html.cover p,html.cover section{display:none}", `<script>
			document.documentElement.className = "cover"
			setTimeout(() => { document.documentElement.className = "" }, 1000)</script>`),
		"/dot": dot("black"),
	})
	for _, path := range []string{"/", "/smooth", "/inner", "/beneath", "/locked", "/shadow", "/covered"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			wantGreen(t, url+path, scene.Options{Prescroll: true})
		})
	}
	wantColour(t, first(t, url, scene.Options{}), 300, 170, red, "without it")
}

// The page is brought back to where it was, which is not always its beginning.
func TestAPageGoesBackToWhereItsAddressPoints(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<style>p{margin:0;height:2000px}</style>
		<p style="background:red"></p><p id=here style="background:green"></p><p style="background:blue"></p>`)})
	wantGreen(t, url+"/#here", scene.Options{Prescroll: true})
}

func TestAPageThatLeavesWhileItIsScrolledIsRecorded(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		"/":     html(`<p style="height:4000px"></p><script>addEventListener("scroll", () => { location = "/next" })</script>`),
		"/next": html(`<body style="background:green">`),
	})
	wantGreen(t, url, scene.Options{Prescroll: true, WaitFor: &scene.WaitFor{Promise: `location.pathname === "/next" || null.x`}})
}

func TestAPageThatNeverEndsIsScrolledForAWhile(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<style>p{margin:0;height:400px}</style><body style="background:red"><p></p><script>
		addEventListener("scroll", () => {
			document.body.append(document.createElement("p"), document.createElement("p"))
			if (document.querySelectorAll("p").length > 50 && scrollY === 0) document.body.style.background = "green"
		})
		document.body.append(document.createElement("p"))
	</script>`)})
	wantGreen(t, url, scene.Options{Prescroll: true})
}
