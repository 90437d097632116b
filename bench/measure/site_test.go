package measure

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASiteServesPagesAndFiles(t *testing.T) {
	site := smallSite(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(url string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
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
	if status, text := get(site.Page("still")); status != http.StatusOK || !strings.Contains(text, "Still") {
		t.Errorf("the page is %d %q", status, text)
	}
	dir, url, err := site.folder()
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := get(url + "/facecam"); status != http.StatusNotFound {
		t.Errorf("a file that is not there is %d", status)
	}
	if err := os.WriteFile(filepath.Join(dir, "facecam"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, text := get(url + "/facecam"); status != http.StatusOK || text != "content" {
		t.Errorf("the file is %d %q", status, text)
	}
}
