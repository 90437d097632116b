package measure

import (
	"strings"
	"testing"
)

func TestWhatAPeerSaysIsRead(t *testing.T) {
	const first, finished, done = `{"event":"first"}` + "\n", `{"event":"finished"}` + "\n",
		`{"event":"done","frames":302,"distinct":301,"bytes":12345}` + "\n"
	for name, test := range map[string]struct {
		said string
		ok   bool
	}{
		"all":                     {first + finished + done, true},
		"more than is asked for":  {first + `{"event":"news"}` + "\n" + finished + done, true},
		"it was killed":           {first, false},
		"it captured nothing":     {finished + done, false},
		"it does not say when":    {first + done, false},
		"no JSON":                 {"oh no\n", false},
		"one frame has no speed":  {first + finished + `{"event":"done","frames":1}`, false},
		"it said nothing":         {"", false},
		"a line that never ends.": {strings.Repeat("x", 1<<20), false},
	} {
		t.Run(name, func(t *testing.T) {
			var marked string
			made, err := readEvents(strings.NewReader(test.said), marks{
				first: func() { marked += "first " }, finished: func() { marked += "finished" },
			})
			if (err == nil) != test.ok {
				t.Fatalf("error %v", err)
			}
			if test.ok && (made.frames != 302 || made.distinct != 301 || made.bytes != 12345 || marked != "first finished") {
				t.Errorf("made %+v, marked %q", made, marked)
			}
		})
	}
}
