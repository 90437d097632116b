package capture_test

import (
	"io"
	"net/http"
	"testing"
)

// Pages do not notice that functions of the browser are replaced: neither by how the functions
// look, nor by what they refuse.
func TestReplacedFunctionsLookAsTheyDid(t *testing.T) {
	t.Parallel()
	said := make(chan string, 1)
	url := site(t, map[string]http.HandlerFunc{
		"/": html(counting + `<body><script>
			const looks = f => [f.name, f.length, "prototype" in f, Function.prototype.toString.call(f).includes("[native code]")].join()
			const unhandled = []
			addEventListener("unhandledrejection", e => unhandled.push(e.reason.name))
			const name = promise => promise.then(() => "nothing", e => e.name);
			(async () => {
				const { cookie } = Object.getOwnPropertyDescriptors(Document.prototype), { decode } = HTMLImageElement.prototype
				createImageBitmap(new Blob(["no picture"]))
				const inner = document.createElement("iframe")
				document.body.append(inner)
				const { Image, createImageBitmap: make } = inner.contentWindow, image = new Image
				inner.remove()
				const said = [
					looks(decode), looks(createImageBitmap), looks(cookie.set), looks(cookie.get), looks(CookieStore.prototype.set),
					looks(ServiceWorkerContainer.prototype.register),
					await name(decode.call({})), await name(decode.call()), await name(createImageBitmap()), await name(createImageBitmap(new Blob)),
					await name(image.decode()), String(make(new Blob)),
					(() => { try { cookie.set.call({}, "a=1") } catch (e) { return e.name } })(),
					await cookieStore.set({ name: "dated", value: "1", expires: new Date(Date.now() + 864e5) }).then(() => document.cookie),
				]
				for (let i = 0; i < 20 && !unhandled.length; i++) await new Promise(f => setTimeout(f, 10))
				await fetch("/said", { method: "POST", body: [...said, unhandled].join("\n") })
			})().catch(e => fetch("/said", { method: "POST", body: e.stack }))</script>`),
		"/said": func(_ http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			said <- string(body)
		},
	})
	shot{url: url, frames: 60, repeatable: true}.mustTake(t)
	const want = `decode,0,false,true
createImageBitmap,1,false,true
set cookie,1,false,true
get cookie,0,false,true
set,1,false,true
register,1,false,true
TypeError
TypeError
TypeError
InvalidStateError
EncodingError
undefined
TypeError
dated=1
InvalidStateError`
	select {
	case got := <-said:
		if got != want {
			t.Errorf("the page sees\n%s\nwant\n%s", got, want)
		}
	default:
		t.Error("the page said nothing")
	}
}
