package claim_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of schemas into the docs")

// The table in the docs is the table of the tests.
func TestTheDocsTellWhatBecomesOfEverySchema(t *testing.T) {
	const page, begin, end = "../../../docs/reference/databases.md", "<!-- schemas: go test ./claim -update -->\n", "<!-- /schemas -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	var table strings.Builder
	table.WriteString("| the app has | `loom migrate` | `/readyz` | a render | a cancelled one |\n|---|---|---|---|---|\n")
	for _, v := range slices.Concat(variants, refusals) {
		if v.refused != "" {
			_, _ = fmt.Fprintf(&table, "| %s | refuses: *%s* | – | – | – |\n", v.app, v.refused)
			continue
		}
		made := or(v.render, "`done`")
		if v.one != "" {
			made = or(v.render, "`done`") + "; the next: " + or(strings.TrimSuffix(v.others, " 100 completed"), "`done`")
		}
		_, _ = fmt.Fprintf(&table, "| %s | applies | %s | %s | %s |\n", v.app, or(v.ready, "200"), made, or(v.cancel, "`cancelled`"))
	}
	want := before + begin + table.String() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s does not show the table of the tests: cd services/ingest && go test ./claim -update", page)
	}
}

func or(text, otherwise string) string {
	switch {
	case text == "":
		return otherwise
	case otherwise == "200":
		return "503: *" + text + "*"
	case text == "set aside", text == "refused":
		return text
	}
	return "`" + text + "`"
}
