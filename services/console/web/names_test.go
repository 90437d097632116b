package web

import (
	"slices"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

func TestPartsOfASceneHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	got := namesOf([]renders.Task{{Kind: msg.Record, Scene: 1}, {Kind: msg.Normalize, Scene: 1}, {Kind: msg.Normalize, Scene: 1}, {Kind: msg.Normalize, Scene: 2}, {Kind: msg.Concat}})
	if want := []string{"Record 1", "Normalize 1, 1 of 2", "Normalize 1, 2 of 2", "Normalize 2", "Join"}; !slices.Equal(got, want) {
		t.Errorf("the names are %q, not %q", got, want)
	}
}

func TestAnAddressIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"example.com": "https://example.com", "localhost:3000/a": "http://localhost:3000/a", "127.0.0.1:8000": "http://127.0.0.1:8000", "[::1]:80/": "http://[::1]:80/",
		"https://localhost:3000": "https://localhost:3000", "http://example.com": "http://example.com", "localhost.example.com": "https://localhost.example.com",
		"javascript:alert(1)": "", "ftp://example.com": "", "https://": "",
	} {
		got, err := webAddress(text)
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q is %q: %v; want %q", text, got, err, want)
		}
	}
}
