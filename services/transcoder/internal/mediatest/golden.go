package mediatest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// Golden compares command lines with golden files in testdata, one argument to a line.
func Golden(t *testing.T, lines map[string][]string) {
	t.Helper()
	for name, args := range lines {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".golden")
			got := strings.Join(args, "\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s(go test -run %s -update writes it)", got, want, t.Name())
			}
		})
	}
}
