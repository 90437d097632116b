// Command vuln reports known vulnerabilities that the code of modules calls. It reads what
// `govulncheck -format json` has written for each, from stdin. Exit status 1 means that there are
// some which another version of a dependency mends.
//
// Those of the standard library are reported and do not fail: the machine's Go has them, and a
// newer Go of the same release has not. The images are built with the newest.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// message is a part of govulncheck's output: of these, findings matter here.
type message struct {
	Finding *finding `json:"finding"`
}

type finding struct {
	OSV          string `json:"osv"`
	FixedVersion string `json:"fixed_version"`
	// Trace leads from what is vulnerable, which is first, to our code.
	Trace []struct {
		Module   string `json:"module"`
		Version  string `json:"version"`
		Package  string `json:"package"`
		Function string `json:"function"`
	} `json:"trace"`
}

const standard = "stdlib"

func main() {
	failed, err := report(os.Stdin, os.Stdout)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "vuln:", err)
		os.Exit(1)
	}
	if failed {
		os.Exit(1)
	}
}

// report lists each vulnerability that is called once, and says whether one is a dependency's.
func report(in io.Reader, out io.Writer) (failed bool, err error) {
	called := map[string]string{}
	for decoder := json.NewDecoder(in); ; {
		var m message
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return false, fmt.Errorf("read govulncheck's output: %w", err)
		}
		// One without a function is in a module or a package that nothing of ours calls.
		if m.Finding == nil || len(m.Finding.Trace) == 0 || m.Finding.Trace[0].Function == "" {
			continue
		}
		at := m.Finding.Trace[0]
		fixed := m.Finding.FixedVersion
		if fixed == "" {
			fixed = "no version yet"
		}
		if at.Module == standard {
			called[m.Finding.OSV] = fmt.Sprintf("%s: %s of this machine's Go %s; mended in %s: build with that, or a newer one",
				m.Finding.OSV, at.Package, at.Version, fixed)
			continue
		}
		failed = true
		called[m.Finding.OSV] = fmt.Sprintf("%s: %s@%s is called (%s); mended in %s", m.Finding.OSV, at.Module, at.Version, at.Package, fixed)
	}
	for _, id := range slices.Sorted(maps.Keys(called)) {
		if _, err := fmt.Fprintf(out, "%s\n  https://pkg.go.dev/vuln/%s\n", called[id], id); err != nil {
			return false, err
		}
	}
	if len(called) == 0 {
		_, err = fmt.Fprintln(out, "no known vulnerability is called")
	}
	return failed, err
}
