package capture

import (
	"slices"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// list is a sink that keeps what each frame shows; a bar stands for a repeated frame.
type list []string

func (l *list) Frame(jpeg []byte) (bool, error) { *l = append(*l, string(jpeg)); return true, nil }
func (l *list) Repeat() error                   { *l = append(*l, "|"); return nil }

func TestEachFrameShowsTheLastPictureOfItsTime(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		pictures map[int]string // by milliseconds after frame 0, at 10 frames a second
		want     list
	}{
		"none":                  {nil, list{"0", "|", "|", "|"}},
		"one of each frame":     {map[int]string{90: "a", 190: "b", 290: "c"}, list{"0", "a", "b", "c"}},
		"at a frame's own time": {map[int]string{100: "a"}, list{"0", "a", "|", "|"}},
		"just after":            {map[int]string{101: "a"}, list{"0", "|", "a", "|"}},
		"more than frames":      {map[int]string{10: "a", 20: "b", 30: "c", 110: "d"}, list{"0", "c", "d", "|"}},
		"a gap":                 {map[int]string{10: "a", 250: "b"}, list{"0", "a", "|", "b"}},
		"before frame 0":        {map[int]string{-50: "a", -20: "b"}, list{"b", "|", "|", "|"}},
		"after the last":        {map[int]string{400: "a", 500: "b"}, list{"0", "|", "|", "|"}},
	} {
		var got list
		r := &resampler{rate: msg.FPS(10), frames: 4, sink: &got}
		r.start(begin, picture{jpeg: []byte("0"), at: begin.Add(-100 * time.Millisecond)})
		var times []int
		for at := range c.pictures {
			times = append(times, at)
		}
		slices.Sort(times)
		for _, at := range times {
			if err := r.add(picture{jpeg: []byte(c.pictures[at]), at: begin.Add(time.Duration(at) * time.Millisecond)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.finish(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// A late picture is shown from the first frame on that was not delivered, if it is not older than
// the current picture.
func TestALatePictureChangesNoSettledFrame(t *testing.T) {
	type told struct {
		text string
		ms   int
	}
	for name, c := range map[string]struct {
		pictures []told
		want     list
	}{
		"newer than what is shown": {[]told{{"a", 10}, {"b", 150}, {"c", 160}}, list{"0", "a", "c", "|"}},
		"older":                    {[]told{{"a", 150}, {"late", 50}}, list{"0", "|", "a", "|"}},
		"older, within a frame":    {[]told{{"a", 120}, {"late", 110}, {"b", 250}}, list{"0", "|", "a", "b"}},
		"older than the first":     {[]told{{"late", -110}, {"a", 150}}, list{"0", "|", "a", "|"}},
		"at the same time":         {[]told{{"a", 120}, {"b", 120}}, list{"0", "|", "b", "|"}},
	} {
		begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		var got list
		r := &resampler{rate: msg.FPS(10), frames: 4, sink: &got}
		r.start(begin, picture{jpeg: []byte("0"), at: begin.Add(-100 * time.Millisecond)})
		for _, p := range c.pictures {
			if err := r.add(picture{jpeg: []byte(p.text), at: begin.Add(time.Duration(p.ms) * time.Millisecond)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.finish(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestAnEmptyPictureIsRefused(t *testing.T) {
	r := &resampler{rate: msg.FPS(10), frames: 4, sink: new(list)}
	if err := r.add(picture{at: time.Now()}); err == nil {
		t.Error("it was taken")
	}
}
