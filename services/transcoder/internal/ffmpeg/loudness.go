package ffmpeg

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Loudness is loudnorm's report on its first pass.
type Loudness struct {
	Integrated, TruePeak, Range, Threshold, Offset float64
	// Silent says that there is only silence. The other fields mean nothing then.
	Silent bool
}

// silence is the loudness in LUFS that EBU R 128 takes for silence, and anything below.
const silence = -70

// ParseLoudness finds loudnorm's JSON at the end of what ffmpeg wrote to stderr.
func ParseLoudness(stderr string) (Loudness, error) {
	begin, end := strings.LastIndex(stderr, "{"), strings.LastIndex(stderr, "}")
	if begin < 0 || end < begin {
		return Loudness{}, errors.New("loudnorm printed no report")
	}
	var report struct {
		Integrated string `json:"input_i"`
		TruePeak   string `json:"input_tp"`
		Range      string `json:"input_lra"`
		Threshold  string `json:"input_thresh"`
		Offset     string `json:"target_offset"`
	}
	if err := json.Unmarshal([]byte(stderr[begin:end+1]), &report); err != nil {
		return Loudness{}, fmt.Errorf("parse loudnorm's report: %w", err)
	}
	var l Loudness
	for _, f := range []struct {
		name, text string
		to         *float64
		low, high  float64 // what loudnorm accepts in its second pass
	}{
		{"input_i", report.Integrated, &l.Integrated, -99, 0},
		{"input_tp", report.TruePeak, &l.TruePeak, -99, 99},
		{"input_lra", report.Range, &l.Range, 0, 99},
		{"input_thresh", report.Threshold, &l.Threshold, -99, 0},
		{"target_offset", report.Offset, &l.Offset, -99, 99},
	} {
		v, err := strconv.ParseFloat(strings.TrimSpace(f.text), 64)
		if err != nil || math.IsNaN(v) {
			return Loudness{}, fmt.Errorf("loudnorm reports %s as %q", f.name, f.text)
		}
		*f.to = min(max(v, f.low), f.high)
	}
	if l.Integrated <= silence {
		return Loudness{Silent: true}, nil
	}
	return l, nil
}
