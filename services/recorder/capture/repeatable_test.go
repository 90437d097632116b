package capture_test

import (
	"bytes"
	"net/http"
	"os"
	"testing"
)

// chance paints random numbers from all sources, all clocks and a timer's count in every frame,
// beside a composited animation.
const chance = `<style>body{margin:0;font:14px monospace;background:#fff}b{position:absolute;top:120px;width:30px;height:30px;background:#06c;
	animation:m 1s linear infinite}@keyframes m{to{transform:translateX(280px) rotate(90deg)}}</style><pre></pre><b></b><script>
	let timers = 0; setInterval(() => timers++, 7);
	const started = [new Date().toISOString(), crypto.randomUUID(), performance.timeOrigin, Math.random()];
	requestAnimationFrame(function f(t) {
		document.querySelector("pre").innerHTML = [...started, timers, t, performance.now(), Date.now(), Math.random(),
			crypto.getRandomValues(new Uint32Array(2)).join()].join("<br>"); requestAnimationFrame(f) })</script>`

func TestRepeatablePagesAreRecordedByteForByte(t *testing.T) {
	const frames = 75
	url := site(t, map[string]http.HandlerFunc{
		"/chance": html(chance),
		"/images": html(`<div style="height:400px">` + "x" + `</div><img loading=lazy src=/slow.svg>` + counting),
		"/slow.svg": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/svg+xml")
			_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="50" height="50"><circle r="40" fill="red"/></svg>`))
		},
	})
	for _, page := range []string{"/chance", "/images"} {
		t.Run(page[1:], func(t *testing.T) {
			t.Parallel()
			var first []byte
			for run := range 3 {
				path, _ := shot{url: url + page, frames: frames, repeatable: true}.mustTake(t)
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = data
				}
				if !bytes.Equal(first, data) {
					t.Fatalf("run %d is another recording than the first: %d bytes and %d", run+1, len(data), len(first))
				}
			}
		})
	}
}
