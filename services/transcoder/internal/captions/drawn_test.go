package captions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestCaptionsAreWrittenForLibass(t *testing.T) {
	dir := t.TempDir()
	p := msg.NormalizeParams{Width: 1920, Height: 1080, Rate: msg.Rate{Num: 60000, Den: 1001}, Captions: []msg.Caption{
		{From: msg.Duration(17 * time.Millisecond), To: msg.Duration(time.Second), Text: "a, {b} <c> \\N\nd"},
		{From: msg.Duration(time.Hour + 61*time.Second), To: msg.Duration(2 * time.Hour), Text: "שלום (x)"},
	}}
	if err := WriteDrawn(dir, p); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, drawnFile))
	if err != nil {
		t.Fatal(err)
	}
	_, events, _ := strings.Cut(string(data), "Effect, Text\n")
	want := "Dialogue: 0,0:00:00.03,0:00:01.00,Default,,0,0,0,,a, (b) <c> /N\\Nd\n" +
		"Dialogue: 0,1:01:01.00,2:00:00.00,Default,,0,0,0,,שלום \u200f(\u200fx\u200f)\u200f\n"
	if events != want {
		t.Errorf("%s, want\n%s", events, want)
	}
}
