package measure

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestASiteServesPagesAndKeepsFiles(t *testing.T) {
	site := smallSite(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(method, url, body string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	if status, text := ask(http.MethodGet, site.Page("still"), ""); status != 200 || !strings.Contains(text, "Still") {
		t.Errorf("the page is %d %q", status, text)
	}
	file := site.Store() + "/1/segment"
	if status, _ := ask(http.MethodPut, file, "content"); status != 200 {
		t.Errorf("storing answered %d", status)
	}
	if status, text := ask(http.MethodGet, file, ""); status != 200 || text != "content" {
		t.Errorf("what was stored is %d %q", status, text)
	}
	if status, _ := ask(http.MethodGet, site.Store()+"/2/segment", ""); status != 404 {
		t.Errorf("what was not stored is %d", status)
	}
	if err := site.Empty(); err != nil {
		t.Fatal(err)
	}
	if status, _ := ask(http.MethodGet, file, ""); status != 404 {
		t.Errorf("what is forgotten is %d", status)
	}
}
