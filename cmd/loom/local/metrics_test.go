package local

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// described is a metric: its type, and the names of its labels.
type described struct{ kind, labels string }

// later are metrics that have no series until something has happened, or while a machine is too
// busy to answer: they are in the table, and need not be at /metrics of services that have just
// started.
var later = []string{
	"loom_workers_resting", "loom_nats_round_trip_seconds", "loom_table_rows", "loom_table_dead_rows", "loom_table_bytes",
	"loom_maintenance_removed_total", "loom_maintenance_runs_total", "loom_maintenance_seconds_total",
	"loom_maintenance_last_success_timestamp_seconds",
}

// checkMetrics checks what services that run show at /metrics, each by its name, against what
// `promtool check metrics` asks for, and against docs/reference/metrics.md.
func checkMetrics(t *testing.T, pages map[string]string) {
	t.Helper()
	table := metricsTable(t)
	seen := map[string]bool{}
	for service, page := range pages {
		problems, err := promlint.New(strings.NewReader(page)).Lint()
		if err != nil {
			t.Errorf("%s: %v", service, err)
		}
		for _, p := range problems {
			if strings.HasPrefix(p.Metric, "loom_") {
				t.Errorf("%s: %s: %s", service, p.Metric, p.Text)
			}
		}
		for name, got := range exposed(page) {
			want, listed := table[name]
			switch {
			case !listed:
				t.Errorf("%s shows %s, which docs/reference/metrics.md has not", service, name)
			case want != got:
				t.Errorf("%s: %s is %v, and %v in docs/reference/metrics.md", service, name, got, want)
			}
			seen[name] = true
		}
	}
	for name := range table {
		if !seen[name] && !slices.Contains(later, name) {
			t.Errorf("docs/reference/metrics.md has %s, which no service shows", name)
		}
	}
}

var (
	metricRow   = regexp.MustCompile("(?m)^\\| `(loom_[a-z0-9_]+)` \\| ([a-z]+) \\| ([^|]*) \\| [^|]+ \\| [^|]+ \\| [^|]+ \\|$")
	metricType  = regexp.MustCompile(`(?m)^# TYPE (loom_[a-z0-9_]+) ([a-z]+)$`)
	metricLabel = regexp.MustCompile(`[{,]([a-z_]+)="`)
)

// metricsPage is read before a test goes to another folder.
var metricsPage, errMetricsPage = os.ReadFile("../../../docs/reference/metrics.md")

func metricsTable(t *testing.T) map[string]described {
	t.Helper()
	if errMetricsPage != nil {
		t.Fatal(errMetricsPage)
	}
	table := map[string]described{}
	for _, row := range metricRow.FindAllStringSubmatch(string(metricsPage), -1) {
		table[row[1]] = described{row[2], strings.TrimSpace(strings.ReplaceAll(row[3], "`", ""))}
	}
	if len(table) == 0 {
		t.Fatal("docs/reference/metrics.md lists no metrics")
	}
	return table
}

// exposed reads a page of /metrics.
func exposed(page string) map[string]described {
	found := map[string]described{}
	for _, line := range metricType.FindAllStringSubmatch(page, -1) {
		name := line[1]
		series := regexp.MustCompile(fmt.Sprintf(`(?m)^%s(?:_bucket|_sum|_count)?(?:\{.*\})? .*$`, name)).FindString(page)
		var labels []string
		for _, label := range metricLabel.FindAllStringSubmatch(series, -1) {
			if label[1] != "le" {
				labels = append(labels, label[1])
			}
		}
		slices.Sort(labels)
		found[name] = described{line[2], strings.Join(labels, ", ")}
	}
	return found
}
