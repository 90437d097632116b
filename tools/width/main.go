// Command width lists the lines of comments and prose that are wider than 100 columns.
//
//	width [DIR]
//
// It reads the files that git knows below DIR (the current folder if none is given), and exits with
// status 1 if it lists anything. A tab counts as four columns.
//
// It checks comment lines of Go, SQL, shell, YAML, JavaScript, CSS, C, Makefile and Dockerfile, and
// Markdown outside of tables and code blocks. It skips lines that hold one word or one link, which
// cannot be wrapped, directives such as //go:embed, and code with a comment behind it.
package main

import (
	"bytes"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	limit = 100
	tab   = 4
)

// skipped are files that are not ours, that are generated, or that tests compare byte for byte.
var skipped = regexp.MustCompile(`(^|/)(testdata|node_modules)/|\.gen\.go$|/autoconsent/|(^|/)go\.(sum|work\.sum)$|\.golden$|(^|/)LICENSE$`)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	found, err := check(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "width:", err)
		os.Exit(2)
	}
	for _, line := range found {
		fmt.Fprintln(os.Stdout, line)
	}
	if len(found) > 0 {
		fmt.Fprintf(os.Stderr, "width: %d lines of comments or prose are wider than %d columns\n", len(found), limit)
		os.Exit(1)
	}
}

// check returns the lines that are too wide in the files below dir, as "path:line: columns".
func check(dir string) ([]string, error) {
	git := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir, git.Stderr = dir, os.Stderr
	list, err := git.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var found []string
	for path := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		lines := linesOf(path)
		if lines == nil || skipped.MatchString(path) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		if os.IsNotExist(err) { // deleted, and not committed yet
			continue
		}
		if err != nil {
			return nil, err
		}
		all := strings.Split(string(text), "\n")
		for _, n := range lines(text) {
			if width := columns(all[n]); width > limit && wraps(all[n]) {
				found = append(found, fmt.Sprintf("%s:%d: %d columns", path, n+1, width))
			}
		}
	}
	return found, nil
}

// linesOf returns the function that finds the lines to check in a file, as indices from 0. It
// returns nil for a file that has no comments which this command knows.
func linesOf(path string) func([]byte) []int {
	base := filepath.Base(path)
	switch filepath.Ext(base) {
	case ".go":
		return goComments
	case ".md":
		return prose
	case ".sql":
		return beginning("--")
	case ".sh", ".yml", ".yaml", ".conf", ".example":
		return beginning("#")
	case ".js", ".mjs", ".c", ".css":
		return beginning("//", "/*", "* ")
	}
	switch {
	case base == "Makefile", base == "Dockerfile", path == ".ci/run":
		return beginning("#")
	}
	return nil
}

// beginning returns a function that finds the lines that begin with one of these marks.
func beginning(marks ...string) func([]byte) []int {
	return func(text []byte) []int {
		var found []int
		for n, line := range bytes.Split(text, []byte("\n")) {
			for _, mark := range marks {
				if bytes.HasPrefix(bytes.TrimSpace(line), []byte(mark)) {
					found = append(found, n)
					break
				}
			}
		}
		return found
	}
}

// goComments finds the lines that hold a comment and nothing else. What looks like a comment in a
// string is none.
func goComments(text []byte) []int {
	var (
		found []int
		s     scanner.Scanner
	)
	file := token.NewFileSet().AddFile("", -1, len(text))
	s.Init(file, text, func(token.Position, string) {}, scanner.ScanComments)
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return found
		}
		at := file.Position(pos)
		start := file.Offset(pos) - at.Column + 1
		if tok != token.COMMENT || len(bytes.TrimSpace(text[start:file.Offset(pos)])) > 0 {
			continue
		}
		for n := range strings.Count(literal, "\n") + 1 {
			found = append(found, at.Line-1+n)
		}
	}
}

// prose finds the lines of a Markdown file that are neither in a table nor in a block of code.
func prose(text []byte) []int {
	var found []int
	code := false
	for n, line := range strings.Split(string(text), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			code = !code
		case code, strings.HasPrefix(trimmed, "|"), strings.HasPrefix(line, "    "):
		default:
			found = append(found, n)
		}
	}
	return found
}

var (
	marks     = regexp.MustCompile(`^\s*(//|/\*|\*|--|#+|[-*>]|\d+\.)?\s*`)
	directive = regexp.MustCompile(`^\s*//(go:|nolint|line )`)
	link      = regexp.MustCompile(`^!?\[[^]]*\](\([^)]*\)|: \S+)[.,:;]?$`)
)

// wraps reports whether a line could be wrapped: it holds more than one word or link.
func wraps(line string) bool {
	rest := strings.TrimSpace(marks.ReplaceAllString(line, ""))
	return strings.Contains(rest, " ") && !link.MatchString(rest) && !directive.MatchString(line)
}

func columns(line string) int {
	return utf8.RuneCountInString(line) + (tab-1)*strings.Count(line, "\t")
}
