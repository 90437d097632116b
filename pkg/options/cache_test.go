package options_test

import (
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/options"
)

func TestTheAgeThatACacheAllows(t *testing.T) {
	for text, want := range map[string]time.Duration{"0s": 0, "90s": 90 * time.Second, "30m": 30 * time.Minute, "12h": 12 * time.Hour, "7d": 7 * 24 * time.Hour} {
		if age, ok := options.CacheAge(text); !ok || age != want {
			t.Errorf("%s: %s, %t", text, age, ok)
		}
	}
	for _, text := range []string{"", options.CacheOff, "1", "h", "1y", "-1h", "10000s", "1h30m"} {
		if age, ok := options.CacheAge(text); ok {
			t.Errorf("%q: %s", text, age)
		}
	}
}
