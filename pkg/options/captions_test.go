package options

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

const ms = time.Millisecond

func cue(from, to time.Duration, text string) output.Cue {
	return output.Cue{From: from, To: to, Text: text}
}

func TestCaptionsAreReadAsSRTAndAsWebVTT(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []output.Cue
	}{
		"SRT":                             {"1\n00:00:01,000 --> 00:00:02,500\nHello,\nworld\n\n2\n01:00:03,250 --> 01:00:04,000\n<i>Bye</i>\n", []output.Cue{cue(1000*ms, 2500*ms, "Hello,\nworld"), cue(time.Hour+3250*ms, time.Hour+4000*ms, "Bye")}},
		"with a mark and other line ends": {"\ufeff1\r\n00:00:01,5 --> 00:00:02,25\r\nA\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nB", []output.Cue{cue(1500*ms, 2250*ms, "A"), cue(3000*ms, 4000*ms, "B")}},
		"WebVTT":                          {"WEBVTT - talk\n\nNOTE by hand\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.000 --> 00:02.000 line:0 align:start\n<v Ann>Fish &amp; chips\n", []output.Cue{cue(1000*ms, 2000*ms, "Fish & chips")}},
		"out of order, one without text, and SRT's codes": {"00:00:05,000 --> 00:00:06,000\n{\\an8}late\n\n00:00:01,000 --> 00:00:02,000\n\n00:00:02,000 --> 00:00:03,000\nearly", []output.Cue{cue(2000*ms, 3000*ms, "early"), cue(5000*ms, 6000*ms, "late")}},
		"a smaller sign is a text's":                      {"00:00:01,000 --> 00:00:02,000\n1 < 2", []output.Cue{cue(1000*ms, 2000*ms, "1 < 2")}},
	} {
		got, err := Cues(&output.Captions{Text: c.text})
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v (%v)", name, got, c.want, err)
		}
	}
	if cues, err := Cues(nil); err != nil || cues != nil {
		t.Errorf("no captions are %v, %v", cues, err)
	}
}

func TestWhatIsWrongWithCaptionsIsToldByItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"Hello":                                "there is no caption in it",
		"1\n00:00:01,000 --> soon\nHello":      `line 2: "00:00:01,000 --> soon" is not a time such as`,
		"00:00:02,000 --> 00:00:01,000\nHello": "line 1: it ends at 1s, and begins at 2s",
		strings.Repeat("00:00:01,000 --> 00:00:02,000\nx\n\n", 2001): "line 6003: there are more than 2000 captions",
	} {
		_, err := Cues(&output.Captions{Text: text})
		if wrong := new(schema.Error); !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), "output_options.captions.text: "+want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func TestTheLanguageOfCaptionsIsWrittenInThreeLetters(t *testing.T) {
	const text = "00:01.000 --> 00:02.000\nx"
	for written, want := range map[string]string{"": "", "de": "deu", "deu": "deu", "ger": "deu", "pt-BR": "por", "zh-Hant": "zho", "haw": "haw", "no": "nor"} {
		c := &output.Captions{Text: text, Language: written}
		if _, err := Cues(c); err != nil || Language(c) != want {
			t.Errorf("%q is %q, %v, want %q", written, Language(c), err, want)
		}
	}
	for _, written := range []string{"german", "xx", "und", "und-US", "x-foo", "d"} {
		_, err := Cues(&output.Captions{Text: text, Language: written})
		if err == nil || !strings.HasPrefix(err.Error(), "output_options.captions.language: this is no language") {
			t.Errorf("%q: %v", written, err)
		}
	}
	if got := Language(nil); got != "" {
		t.Errorf("no captions are in %q", got)
	}
}

func TestAsManyCaptionsFitAsIsWritten(t *testing.T) {
	said := strings.Repeat("x", 60)
	write := func(count int) []byte {
		var text strings.Builder
		for i := range count {
			fmt.Fprintf(&text, "%d\n%s --> %s\n%s\n\n", i+1, srt(i), srt(i+1), said)
		}
		data, err := json.Marshal(output.Options{Captions: &output.Captions{Text: text.String()}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	o, err := ParseOutput(write(1500))
	if err != nil {
		t.Fatal(err)
	}
	if cues, err := Cues(o.Captions); len(cues) != 1500 || err != nil {
		t.Errorf("%d captions, %v", len(cues), err)
	}
	if _, err := ParseOutput(write(1560)); err == nil || !strings.Contains(err.Error(), "they may have 160 kB together") {
		t.Errorf("1560 captions: %v", err)
	}
	if _, err := ParseOutput(write(1900)); err == nil || !strings.Contains(err.Error(), "output_options.captions.text: ") {
		t.Errorf("1900 captions: %v", err)
	}
}

// srt writes a time in seconds.
func srt(seconds int) string {
	return fmt.Sprintf("%02d:%02d:%02d,000", seconds/3600, seconds/60%60, seconds%60)
}

func FuzzCues(f *testing.F) {
	f.Add("WEBVTT\n\n00:01.000 --> 00:02.000\nx")
	f.Add("1\n00:00:01,000 --> 00:00:02,000\n<b>{\\an8}x")
	f.Fuzz(func(t *testing.T, text string) {
		cues, err := readCues(text)
		if err == nil && len(cues) == 0 {
			t.Error("neither captions nor an error")
		}
		for i, c := range cues {
			if c.To <= c.From || c.Text == "" || i > 0 && c.From < cues[i-1].From {
				t.Errorf("caption %d is %+v", i, c)
			}
		}
	})
}
