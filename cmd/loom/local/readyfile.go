package local

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// WriteReadyFile writes settings as dotenv, readable by its owner only: a reader sees the whole file or none. Shells,
// dotenv libraries and, as long as nothing needs quoting, docker --env-file read it.
func WriteReadyFile(path string, settings map[string]string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s=%s\n", name, quote(settings[name]))
	}
	if err := writeFile(path, b.String()); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}

// plain are the characters that mean themselves in an assignment, to shells and dotenv libraries alike.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%?=,+-"

func quote(value string) string {
	if strings.Trim(value, plain) == "" {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(value) + `"`
}
