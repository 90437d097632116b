package msg

import (
	"strings"
	"testing"
)

func TestATraceIsReadAsTheSpecificationSays(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	good := "00-" + trace + "-" + span + "-01"
	for header, want := range map[string]string{
		good:                                 good,
		"00-" + trace + "-" + span + "-00":   "00-" + trace + "-" + span + "-00",
		"cc-" + trace + "-" + span + "-01":   good,
		"cc-" + trace + "-" + span + "-01-x": good,
		"cc-" + trace + "-" + span + "-01x":  "",
		good + "-x":                          "",
		"ff" + good[2:]:                      "",
		strings.ToUpper(good):                "",
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01":  "",
		"00-" + trace + "-" + strings.Repeat("0", 16) + "-01": "",
		good[:54]:     "",
		" " + good:    "",
		good + "\n":   "",
		"":            "",
		"00-' or 1=1": "",
	} {
		got := ParseTrace(header)
		if got.String() != want {
			t.Errorf("%q is read as %q, want %q", header, got, want)
		}
		if id := got.ID(); want != "" && id != trace || want == "" && id != "" {
			t.Errorf("the id of %q is %q", header, id)
		}
	}
}
