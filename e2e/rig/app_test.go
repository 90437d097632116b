package rig

import "testing"

func TestBackwardFindsWhatBreaksThePromise(t *testing.T) {
	for name, c := range map[string]struct {
		seen []Seen
		ok   bool
	}{
		"the whole way":            {[]Seen{{"queued", 0}, {"recording", 3}, {"normalizing", 40}, {"uploading", 99}, {"done", 100}}, true},
		"failed":                   {[]Seen{{"queued", 0}, {"recording", 3}, {"failed", 3}}, true},
		"the same again":           {[]Seen{{"recording", 3}, {"recording", 3}, {"cancelled", 3}, {"cancelled", 3}}, true},
		"status back":              {[]Seen{{"normalizing", 3}, {"recording", 3}}, false},
		"progress down":            {[]Seen{{"recording", 4}, {"normalizing", 3}}, false},
		"100 before done":          {[]Seen{{"uploading", 100}, {"done", 100}}, false},
		"done without 100":         {[]Seen{{"uploading", 98}, {"done", 99}}, false},
		"failed, then done":        {[]Seen{{"failed", 3}, {"done", 100}}, false},
		"done, then failed":        {[]Seen{{"done", 100}, {"failed", 100}}, false},
		"cancelled, then on again": {[]Seen{{"cancelled", 3}, {"recording", 3}}, false},
	} {
		if fault := Backward(c.seen); (fault == "") != c.ok {
			t.Errorf("%s: %v: %q", name, c.seen, fault)
		}
	}
}
