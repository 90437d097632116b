package api

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// The type of each problem is the address of a section that is there.
func TestEachCodeHasItsSectionInTheDocs(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reference/problems.md")
	if err != nil {
		t.Fatal(err)
	}
	var sections []Code
	for _, m := range regexp.MustCompile(`(?m)^## (\S+)\n\n\d{3}`).FindAllSubmatch(text, -1) {
		sections = append(sections, Code(m[1]))
	}
	for code := range titles {
		if !slices.Contains(sections, code) {
			t.Errorf("%s has no section that begins with its status", code)
		}
	}
	for _, code := range codes {
		if titles[code] == "" {
			t.Errorf("%s has no title", code)
		}
	}
	if len(sections) != len(titles) {
		t.Errorf("the sections are %v", sections)
	}
}
