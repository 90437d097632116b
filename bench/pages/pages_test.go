package pages

import (
	"io/fs"
	"slices"
	"testing"
)

func TestEveryPageHasAFileAndEveryFileAPage(t *testing.T) {
	files, err := fs.Glob(Files, "*.html")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range All {
		names = append(names, p.Name+".html")
	}
	slices.Sort(names)
	if !slices.Equal(files, names) {
		t.Errorf("files are %v, pages %v", files, names)
	}
}

func TestPagesAreFoundByName(t *testing.T) {
	if p, ok := Find("static"); !ok || p.Motion != still {
		t.Errorf("found %+v, %v", p, ok)
	}
	if p, ok := Find("nowhere"); ok {
		t.Errorf("found %+v", p)
	}
}
