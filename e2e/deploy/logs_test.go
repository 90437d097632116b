package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// put together are messages that are no literals, by the file that logs them, as the page has them.
var putTogether = map[string]string{
	"services/uploader/access.go":                "bucket … (STORAGE_BUCKET_…) …",
	"services/transcoder/internal/join/align.go": "the segment has other parameter sets than this transcoder makes …",
	"services/recorder/run.go":                   "this Chrome cannot draw frames on demand …",
}

var messageRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [a-z, ]+ \\| [^|]+ \\| [^|]+ \\|$")

// Who reads a warning at night finds there what to do.
func TestEveryWarningAndErrorIsInTheTable(t *testing.T) {
	listed := map[string]bool{}
	for _, row := range messageRow.FindAllStringSubmatch(text(t, "docs/operations/logs.md"), -1) {
		if listed[row[1]] {
			t.Errorf("docs/operations/logs.md has %q twice", row[1])
		}
		listed[row[1]] = true
	}
	logged := map[string]bool{}
	for _, top := range []string{"pkg", "services"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil || strings.HasPrefix(name, "pkg/servers/") { // what `loom up` runs
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, message := range warnings(file) {
				if message == "" {
					message = putTogether[name]
				}
				logged[message] = true
				if !listed[message] {
					t.Errorf("docs/operations/logs.md lacks %q of %s", message, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for message := range listed {
		if !logged[message] {
			t.Errorf("docs/operations/logs.md has %q, which nothing logs", message)
		}
	}
}

// warnings returns what a file logs at warn and above, "" for what is no literal.
func warnings(file *ast.File) (messages []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if selector, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) == 1 && selector.Sel.Name == "Msg" && warns(selector.X) {
				// Outages are logged by retry.Outage, which has their message.
				if field, ok := n.Args[0].(*ast.SelectorExpr); ok && field.Sel.Name == "Down" {
					return true
				}
				messages = append(messages, literal(n.Args[0]))
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Down" && literal(n.Value) != "" {
				messages = append(messages, literal(n.Value))
			}
		}
		return true
	})
	return messages
}

// warns reports whether a chain of calls may be one of an event at warn or above. Events that are
// kept in a variable, or whose level is computed, may be.
func warns(chain ast.Expr) bool {
	for {
		call, ok := chain.(*ast.CallExpr)
		if !ok {
			_, kept := chain.(*ast.Ident)
			return kept
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		switch selector.Sel.Name {
		case "Warn", "Error", "Fatal", "Panic":
			if len(call.Args) == 0 {
				return true
			}
		case "WithLevel":
			return true
		case "Trace", "Debug", "Info":
			return false
		}
		chain = selector.X
	}
}

func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		if s, err := strconv.Unquote(l.Value); err == nil {
			return s
		}
	}
	return ""
}
