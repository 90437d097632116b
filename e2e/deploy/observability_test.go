package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

func text(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// rules are those of deploy/observability/rules.yml.
type rules struct {
	Groups []struct {
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) (list []rule) {
	t.Helper()
	var file rules
	if err := yaml.Unmarshal([]byte(text(t, "deploy/observability/rules.yml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		list = append(list, group.Rules...)
	}
	if len(list) == 0 {
		t.Fatal("there are no rules")
	}
	return list
}

const runbooks = "https://github.com/loom-lite/loom-lite/blob/main/docs/runbooks/"

func TestEachAlertHasItsPage(t *testing.T) {
	pages := map[string]bool{"README.md": true}
	index, tests := text(t, "docs/runbooks/README.md"), text(t, "deploy/observability/rules_test.yml")
	for _, alert := range alerts(t) {
		page := alert.Alert + ".md"
		pages[page] = true
		if alert.For == "" || alert.Annotations["summary"] == "" || alert.Annotations["runbook_url"] != runbooks+page ||
			!slices.Contains([]string{"page", "ticket"}, alert.Labels["severity"]) {
			t.Errorf("%s lacks for, severity, summary or its page: %+v", alert.Alert, alert)
		}
		if !strings.Contains(index, "| ["+alert.Alert+"]("+page+") | "+alert.Labels["severity"]+" |") {
			t.Errorf("docs/runbooks/README.md lacks %s, or has another severity", alert.Alert)
		}
		for _, does := range []string{"fires", "does not fire"} {
			if !strings.Contains(tests, "- name: "+alert.Alert+" "+does+"\n") {
				t.Errorf("no unit test has %s in which it %s", alert.Alert, does)
			}
		}
		content := text(t, "docs/runbooks", page)
		for _, part := range []string{"# " + alert.Alert, "## What users see", "## How to look", "## What to do", "## It is over when"} {
			if !strings.Contains(content, part+"\n") {
				t.Errorf("docs/runbooks/%s lacks %q", page, part)
			}
		}
		checkMetrics(t, "docs/runbooks/"+page, content)
	}
	there, err := os.ReadDir(filepath.Join(root, "docs/runbooks"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range there {
		if !pages[entry.Name()] {
			t.Errorf("docs/runbooks/%s is of no alert", entry.Name())
		}
	}
}

// Somebody types them at night.
func TestCommandsOfRunbooksAreThere(t *testing.T) {
	reference := text(t, "docs/reference/command-line.md")
	command := regexp.MustCompile(`(?m)(?:^|` + "`" + `)loom ([a-z]+(?: [a-z]+)?)`)
	for _, alert := range alerts(t) {
		for _, m := range command.FindAllStringSubmatch(text(t, "docs/runbooks", alert.Alert+".md"), -1) {
			first, _, _ := strings.Cut(m[1], " ")
			if !strings.Contains(reference, "loom "+m[1]) && !strings.Contains(reference, "`"+first+"`") && !strings.Contains(reference, "loom "+first+" ") {
				t.Errorf("docs/runbooks/%s.md says `loom %s`, which the reference of commands has not", alert.Alert, m[1])
			}
		}
	}
}

func TestRulesAndDashboardUseMetricsThatAreThere(t *testing.T) {
	for _, alert := range alerts(t) {
		checkMetrics(t, alert.Alert, alert.Expr)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(text(t, "deploy/observability/grafana/dashboards/overview.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] {
			t.Errorf("two panels have the id %d", panel.ID)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			checkMetrics(t, panel.Title, target.Expr)
		}
	}
}

var (
	metricName = regexp.MustCompile(`\b(loom_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	metricRow  = regexp.MustCompile("(?m)^\\| `(loom_[a-z0-9_]+)` \\| ([a-z]+) \\| ([^|]*) \\|")
	matcher    = regexp.MustCompile(`([a-z_]+)(?:=~|!=|!~|=)"`)
)

// checkMetrics checks metrics that a text names, and the labels that it picks series by, against
// docs/reference/metrics.md.
func checkMetrics(t *testing.T, where, content string) {
	t.Helper()
	table := map[string][]string{}
	for _, row := range metricRow.FindAllStringSubmatch(text(t, "docs/reference/metrics.md"), -1) {
		labels := append(strings.Split(strings.NewReplacer("`", "", " ", "").Replace(row[3]), ","), "service", "job", "instance")
		table[row[1]] = labels
		if row[2] == "histogram" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				table[row[1]+part] = append(labels, "le")
			}
		}
	}
	for _, m := range metricName.FindAllStringSubmatch(content, -1) {
		labels, there := table[m[1]]
		if !there {
			t.Errorf("%s has %s, which docs/reference/metrics.md has not", where, m[1])
			continue
		}
		for _, label := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, label[1]) {
				t.Errorf("%s picks series of %s by %s, which is no label of it", where, m[1], label[1])
			}
		}
	}
}
