package check

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// README.md has a row for each value, made from the comments of values.yaml.
func TestTheREADMEHasAllValues(t *testing.T) {
	text, err := os.ReadFile(chart + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| value | default | |\n|---|---|---|\n")
	rows(t, &table, "", doc.Content[0])
	readme, err := os.ReadFile(chart + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin = "## Values\n\n"
	head, _, found := strings.Cut(string(readme), begin)
	if !found {
		t.Fatalf("README.md has no %q", begin)
	}
	want := head + begin + table.String()
	if *update {
		if err := os.WriteFile(chart+"/README.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(readme) != want {
		t.Error("README.md is not what values.yaml says: go test ./... -update writes it")
	}
}

// rows writes the rows of a map's values.
func rows(t *testing.T, to *strings.Builder, path string, node *yaml.Node) {
	t.Helper()
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := path + key.Value
		says, documented := strings.CutPrefix(strings.ReplaceAll(key.HeadComment, "\n# ", " "), "# -- ")
		switch {
		case documented:
			fmt.Fprintf(to, "| `%s` | %s | %s |\n", name, shown(t, value), strings.ReplaceAll(says, "|", `\|`))
		case value.Kind == yaml.MappingNode && len(value.Content) > 0:
			rows(t, to, name+".", value)
		default:
			t.Errorf("%s has no comment that begins with # --", name)
		}
	}
}

// shown is a default on one line.
func shown(t *testing.T, value *yaml.Node) string {
	t.Helper()
	if value.Kind == yaml.ScalarNode {
		if value.Value == "" {
			return "none"
		}
		return "`" + value.Value + "`"
	}
	if len(value.Content) == 0 {
		return "none"
	}
	flow := *value
	flow.Style = yaml.FlowStyle
	var all func(n *yaml.Node)
	all = func(n *yaml.Node) {
		n.HeadComment, n.LineComment, n.FootComment = "", "", ""
		if n.Kind != yaml.ScalarNode {
			n.Style = yaml.FlowStyle
		}
		for _, c := range n.Content {
			all(c)
		}
	}
	all(&flow)
	text, err := yaml.Marshal(&flow)
	if err != nil {
		t.Fatal(err)
	}
	return "`" + strings.Join(strings.Fields(string(text)), " ") + "`"
}
