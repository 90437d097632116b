package main

import (
	"errors"
	"flag"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/bench/measure"
	"github.com/loom-lite/loom-lite/bench/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWithoutFlagsEverythingIsMeasured(t *testing.T) {
	o, err := parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Tools, measure.Tools) || !slices.Equal(o.Pages, pageNames()) || o.Frames != 240 || o.Repeat != 2 ||
		!slices.Equal(o.Parts, report.Parts) || o.TranscodeFrames != 480 {
		t.Errorf("options are %+v", o)
	}
	if o.Scenes[0] != 1 || o.Scenes[len(o.Scenes)-1] != runtime.NumCPU() {
		t.Errorf("scenes at once are %v, want 1 and as many as there are cores", o.Scenes)
	}
}

func TestFlagsChoose(t *testing.T) {
	o, err := parse([]string{
		"-pages", "static, box", "-tools", "puppeteer-capture,ours", "-scenes", "2,2,1", "-seconds", "1.5", "-fps", "30",
		"-parts", "transcode", "-scene-seconds", "60",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Pages, []string{"box", "static"}) || !slices.Equal(o.Scenes, []int{2, 1}) || o.Frames != 45 {
		t.Errorf("options are %+v", o)
	}
	if !slices.Equal(o.Parts, []report.Part{report.Transcode}) || o.TranscodeFrames != 1800 {
		t.Errorf("parts are %v, frames to transcode %d", o.Parts, o.TranscodeFrames)
	}
	if !slices.Equal(o.Tools, []measure.Tool{measure.Ours, measure.Peer}) {
		t.Errorf("tools take turns as %v", o.Tools)
	}
}

func TestWrongFlagsAreTold(t *testing.T) {
	for args, want := range map[string]string{
		"-pages=nowhere":   `there is no page "nowhere"; there are scroll`,
		"-tools=camera":    `there is no tool "camera"; there are ours`,
		"-parts=upload":    `there is no part "upload"; there are capture`,
		"-scene-seconds=0": "-scene-seconds must be",
		"-scenes=0":        "no number from 1 to 64",
		"-scenes=":         "no number from 1 to 64",
		"-fps=0":           "-fps must be",
		"-repeat=0":        "-repeat must be",
		"-seconds=0.01":    "two frames at least",
		"-timeout=0s":      "-timeout must be",
		"everything":       `"everything" is no flag`,
	} {
		if _, err := parse([]string{args}, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %s", args, err, want)
		}
	}
	if _, err := parse([]string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help ended with %v", err)
	}
}
