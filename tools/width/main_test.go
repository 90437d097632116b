package main

import (
	"slices"
	"strings"
	"testing"
)

func TestFindsCommentsAndProseOnly(t *testing.T) {
	words := strings.Repeat("word ", 25)
	url := "https://example.com/" + strings.Repeat("a", 100)
	for _, test := range []struct {
		name, path, text string
		want             []int
	}{
		{"a Go comment", "a.go", "package a\n\n// " + words + "\nvar a int\n", []int{2}},
		{"a Go comment at 101 columns, with tabs", "a.go", "package a\n\nfunc f() {\n\t\t// a " + strings.Repeat("x", 88) + "\n}\n", []int{3}},
		{"a Go comment at 100 columns, with tabs", "a.go", "package a\n\nfunc f() {\n\t\t// a " + strings.Repeat("x", 87) + "\n}\n", nil},
		{"a Go block comment", "a.go", "package a\n\n/*\n" + words + "\n*/\n", []int{3}},
		{"Go code with a comment behind it", "a.go", "package a\n\nvar a = 1 // " + words + "\n", nil},
		{"a Go string", "a.go", "package a\n\nconst a = `\n// " + words + "\n`\n", nil},
		{"a Go directive", "a.go", "package a\n\n//go:generate " + words + "\n", nil},
		{"SQL", "a.sql", "-- " + words + "\nselect '" + words + "';\n", []int{0}},
		{"shell", "a.sh", "# " + words + "\necho " + words + "\n", []int{0}},
		{"JavaScript", "a.js", "// " + words + "\n/*\n * " + words + "\n */\n", []int{0, 2}},
		{"a comment that is one URL", "a.sh", "# " + url + "\n", nil},
		{"Markdown", "a.md", words + "\n- " + words + "\n", []int{0, 1}},
		{"a Markdown table", "a.md", "| " + words + " |\n", nil},
		{"a Markdown code block", "a.md", "```sh\n" + words + "\n```\n" + words + "\n", []int{3}},
		{"a Markdown link", "a.md", "- [two words](" + url + ").\n", nil},
		{"a Markdown picture", "a.md", "![" + words + "](a.jpg)\n", nil},
		{"a file of another kind", "a.txt", words + "\n", nil},
		{"characters, not bytes", "a.md", "ä " + strings.Repeat("é", 98) + "\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []int
			if lines := linesOf(test.path); lines != nil {
				all := strings.Split(test.text, "\n")
				for _, n := range lines([]byte(test.text)) {
					if columns(all[n]) > limit && wraps(all[n]) {
						got = append(got, n)
					}
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("lines %v, want %v", got, test.want)
			}
		})
	}
}
