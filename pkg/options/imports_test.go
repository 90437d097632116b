package options

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Workers get options checked. What checks them is large, and reads what strangers write.
func TestWorkersImportNothingThatChecksOptions(t *testing.T) {
	const services = "github.com/loom-lite/loom-lite/services/"
	checks := []string{"github.com/santhosh-tekuri/jsonschema/v6", "golang.org/x/text/message", "time/tzdata"}
	for program, also := range map[string][]string{
		"recorder/cmd/recorder":     {"golang.org/x/text/language"},
		"transcoder/cmd/transcoder": {"golang.org/x/text/language"},
		"uploader/cmd/uploader":     nil, // pgx normalizes passwords with x/text
	} {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", services+program)
		list.Dir = "../.." // where the workspace knows all modules
		out, err := list.Output()
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		imports := strings.Fields(string(out))
		for _, name := range slices.Concat(checks, also) {
			if slices.Contains(imports, name) {
				t.Errorf("%s imports %s", program, name)
			}
		}
	}
}
