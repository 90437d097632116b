package migrations_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/migrations"
)

// Every page that lists the files lists all of them, in their order, and names none that is not
// there.
func TestTheDocsListTheFilesToPasteInTheirOrder(t *testing.T) {
	pages := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && path != ".."):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lists := regexp.MustCompile("(?:`[a-z0-9_]+\\.sql`[,\\s]*){3,}").FindAllString(string(text), -1)
		for _, list := range lists {
			if found := regexp.MustCompile(`[a-z0-9_]+\.sql`).FindAllString(list, -1); !slices.Equal(found, migrations.Files) {
				t.Errorf("%s lists %v, want %v", path, found, migrations.Files)
			}
		}
		for _, name := range regexp.MustCompile(`\b[0-9]{4}_[a-z0-9_]+\.sql`).FindAllString(string(text), -1) {
			if !slices.Contains(migrations.Files, name) {
				t.Errorf("%s names %s, which is not there", path, name)
			}
		}
		if len(lists) > 0 {
			pages++
		}
		return nil
	})
	if err != nil || pages == 0 {
		t.Errorf("%d pages list the files, %v", pages, err)
	}
}
