package migrations_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/loom-lite/loom-lite/migrations"
)

func TestTheDocsListTheFilesToPasteInTheirOrder(t *testing.T) {
	docs, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile("in this order:[^.]*(?:`[a-z0-9_]+\\.sql`[,\\s]*)+").FindString(string(docs))
	if found := regexp.MustCompile(`[a-z0-9_]+\.sql`).FindAllString(list, -1); !slices.Equal(found, migrations.Files) {
		t.Errorf("docs/operations.md lists %v, want %v", found, migrations.Files)
	}
}
