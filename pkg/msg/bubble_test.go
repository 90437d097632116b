package msg_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestABubbleIsAsInTheGoldenFile(t *testing.T) {
	b := msg.Bubble{X: 48, Y: 784, Width: 440, Height: 248, Radius: 29.76, Border: 4.464, BorderColor: "#6366f1", Shadow: 24.8, Mirror: true,
		Fullscreen: []msg.Moment{{From: 0, To: 180, Shrink: 36}, {From: 600, To: 840, Grow: 36, Shrink: 36}}}
	got, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/bubble.golden")
	if err != nil || string(got)+"\n" != string(want) {
		t.Errorf("%v\ngot\n%s\nwant\n%s", err, got, want)
	}
}
