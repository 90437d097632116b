package capture_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// cookies is a page that sets cookies by every API, and shows which of them are left.
const cookies = counting + `<body><script>
	const day = 864e5, at = ms => new Date(Date.now() + ms).toUTCString()
	for (const name of ["erased", "emptied", "ended"]) document.cookie = name + "=1; path=/"
	document.cookie = "month=1; path=/; expires=" + at(30 * day)
	document.cookie = "minute=1; Path=/; EXPIRES = " + at(6e4) + " ; samesite=lax"
	document.cookie = "old=1; path=/; expires=" + at(30 * day).replace(/(\d\d) (\w\w\w) (\d{4})/, "$1-$2-$3")
	document.cookie = "age=1; path=/; max-age=60"
	document.cookie = "both=1; path=/; max-age=60; expires=" + at(-day)
	document.cookie = "session=1; path=/"
	document.cookie = "forever=1; path=/; expires=Fri, 31 Dec 9999 23:59:59 GMT"
	document.cookie = "odd=1; path=/; expires=whenever"
	document.cookie = "erased=; path=/; expires=" + at(-day)
	document.cookie = "emptied=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT"
	document.cookie = "ended=; path=/; expires=" + at(-1000)
	const inner = document.createElement("iframe")
	inner.srcdoc = "<script>document.cookie = 'framed=1; path=/; expires=" + at(day) + "'<\/script>"
	inner.onload = async () => {
		await cookieStore.set({name: "stored", value: "1", expires: Date.now() + 30 * day})
		await cookieStore.set({name: "gone", value: "1", expires: Date.now() - day})
		const session = await (await fetch("/session")).json()
		await fetch("/said", {method: "POST", body: JSON.stringify({
			own: document.cookie, date: new Date().toISOString().slice(0, 19), valid: session.ends > Date.now(), seen: (await cookieStore.getAll()).map(c => c.name).join()})})
	}
	document.body.append(inner)
</script>`

func inOrder(list, separator string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(list, separator)), separator)
}

func TestRepeatablePagesKeepTheirCookies(t *testing.T) {
	t.Parallel()
	type said struct {
		Own, Date, Seen, sent string
		Valid                 bool
	}
	var mu sync.Mutex
	var told []said
	url := site(t, map[string]http.HandlerFunc{
		"/": html(cookies),
		// A session that the server gives ends an hour from now, by its own clock.
		"/session": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"ends": %d}`, time.Now().Add(time.Hour).UnixMilli())
		},
		"/said": func(_ http.ResponseWriter, r *http.Request) {
			s := said{sent: r.Header.Get("Cookie")}
			if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
				t.Error(err)
			}
			// Documents write cookies by channels of their own, so their order varies.
			s.Own, s.sent, s.Seen = inOrder(s.Own, "; "), inOrder(s.sent, "; "), inOrder(s.Seen, ",")
			mu.Lock()
			defer mu.Unlock()
			told = append(told, s)
		},
	})
	for range 2 {
		shot{url: url, frames: 30, repeatable: true}.mustTake(t)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 2 || told[0] != told[1] {
		t.Fatalf("the page told %+v", told)
	}
	s := told[0]
	const want = "age=1; both=1; forever=1; framed=1; minute=1; month=1; odd=1; old=1; session=1; stored=1"
	if s.Own != want || s.sent != want {
		t.Errorf("the page has the cookies\n%s, the server gets\n%s, want\n%s", s.Own, s.sent, want)
	}
	if s.Date != "2026-01-01T12:00:00" || !s.Valid {
		t.Errorf("the page's date is %s, and a session that ends in an hour is valid: %v", s.Date, s.Valid)
	}
}
