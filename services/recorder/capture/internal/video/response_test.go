package video

import "testing"

func TestContentRangesAreRead(t *testing.T) {
	for text, want := range map[string]span{
		"bytes 0-99/1000":               {0, 100},
		"bytes 5-5/*":                   {5, 6},
		"bytes 100-99/1000":             {},
		"bytes -1-5/1000":               {},
		"bytes */1000":                  {},
		"bytes 0-99":                    {},
		"items 0-99/1000":               {},
		"bytes 0-9999999999999999999/1": {},
		"":                              {},
	} {
		got, ok := contentRange(text)
		if ok != (want != span{}) || ok && got != want {
			t.Errorf("%q is %v, %t, want %v", text, got, ok, want)
		}
	}
}
