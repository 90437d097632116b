package chrome

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHugePagesAreAskedForWhereItMakesADifference(t *testing.T) {
	for _, c := range []struct {
		enabled string
		built   bool
		want    bool
	}{
		{"always [madvise] never", true, true},
		{"always [madvise] never", false, false},
		{"[always] madvise never", true, false},
		{"always madvise [never]", true, false},
		{"", true, false}, // another system
	} {
		dir := t.TempDir()
		enabled, library := filepath.Join(dir, "enabled"), filepath.Join(dir, hugePagesLibrary)
		if c.enabled != "" {
			write(t, enabled, c.enabled)
		}
		want := ""
		if c.built {
			write(t, library, "")
		}
		if c.want {
			want = library
		}
		if got := hugePages(enabled, dir); got != want {
			t.Errorf("%q, built: %t: the library is %q, want %q", c.enabled, c.built, got, want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
