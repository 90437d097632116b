package main

import (
	"strings"
	"testing"
)

func TestWhatIsCalledIsReportedAndADependencyFails(t *testing.T) {
	const (
		called   = `{"finding": {"osv": "GO-1", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/m", "version": "v1.2.3", "package": "example.com/m/p", "function": "Parse"}]}}`
		imported = `{"finding": {"osv": "GO-2", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/m", "version": "v1.2.3", "package": "example.com/m/p"}]}}`
		library  = `{"finding": {"osv": "GO-3", "fixed_version": "v1.26.9", "trace": [{"module": "stdlib", "version": "v1.26.8", "package": "net/http", "function": "Get"}]}}`
		other    = `{"config": {"scanner_name": "govulncheck"}} {"progress": {"message": "…"}}`
	)
	for name, c := range map[string]struct {
		in, says string
		failed   bool
	}{
		"nothing":              {other, "no known vulnerability", false},
		"a call":               {other + called + called, "GO-1: example.com/m@v1.2.3 is called", true},
		"an import only":       {imported, "no known vulnerability", false},
		"one of the Go in use": {library, "GO-3: net/http of this machine's Go", false},
		"one of each":          {library + called, "GO-1", true},
		"what is no JSON":      {"govulncheck: no go.mod file", "", false},
	} {
		var out strings.Builder
		failed, err := report(strings.NewReader(c.in), &out)
		if (err != nil) != (c.says == "") || failed != c.failed || !strings.Contains(out.String(), c.says) || strings.Count(out.String(), "GO-1:") > 1 {
			t.Errorf("%s: failed %v, %v:\n%s", name, failed, err, &out)
		}
	}
}
