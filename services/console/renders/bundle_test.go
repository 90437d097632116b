package renders

import (
	"testing"
	"time"
)

func TestTheBundleThatTellsMostIsFound(t *testing.T) {
	at := func(minute int, key string) Attempt {
		a := Attempt{Attempt: 1, GrantedAt: time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC)}
		if key != "" {
			a.BundleKey = &key
		}
		return a
	}
	for name, c := range map[string]struct {
		tasks []Task
		want  string
	}{
		"none":                      {[]Task{{State: "failed", Attempts: []Attempt{at(1, "")}}}, ""},
		"the newest":                {[]Task{{State: "failed", Attempts: []Attempt{at(1, "a"), at(2, "b"), at(3, "")}}}, "b"},
		"the one that failed":       {[]Task{{State: "done", Attempts: []Attempt{at(9, "a")}}, {State: "failed", Attempts: []Attempt{at(1, "b")}}}, "b"},
		"though it came first":      {[]Task{{State: "failed", Attempts: []Attempt{at(1, "b")}}, {State: "cancelled", Attempts: []Attempt{at(9, "a")}}}, "b"},
		"of a render that was done": {[]Task{{State: "done", Attempts: []Attempt{at(1, "a"), at(2, "")}}}, "a"},
	} {
		_, a, found := Bundle(c.tasks)
		got := ""
		if a.BundleKey != nil {
			got = *a.BundleKey
		}
		if found != (c.want != "") || got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, found, c.want)
		}
	}
}
