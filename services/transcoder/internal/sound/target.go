package sound

import (
	"strconv"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
)

// Target is the loudness that sound is brought to: Integrated in LUFS, Peak in dBTP.
type Target struct{ Integrated, Peak float64 }

// WebSpeech is the loudness of speech on the web, with peaks that lossy coding does not clip. It is
// what a campaign gets that asks for nothing else.
var WebSpeech = Target{-16, -1.5}

// TargetOf returns the target that a campaign asks for.
func TargetOf(asked *output.Loudness) Target {
	t := WebSpeech
	if asked != nil && asked.Integrated != nil {
		t.Integrated = *asked.Integrated
	}
	if asked != nil && asked.TruePeak != nil {
		t.Peak = *asked.TruePeak
	}
	return t
}

// loudnorm is the filter, without the options of its passes.
func (t Target) loudnorm() string {
	return "loudnorm=I=" + decibels(t.Integrated) + ":TP=" + decibels(t.Peak)
}

// evenly reports whether all of a sound can be made louder or softer by the same amount: no peak is
// above the target's then.
func (t Target) evenly(m msg.Loudness) bool { return m.TruePeak+t.Integrated-m.Integrated <= t.Peak }

func decibels(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
