package transcoder

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// sampleRate of the finished video's sound, in hertz.
const sampleRate = 48000

// loudness is what sound is brought to: integrated in LUFS, peak in dBTP.
type loudness struct{ integrated, peak float64 }

// webSpeech is the loudness of speech on the web, with peaks that lossy coding does not clip.
var webSpeech = loudness{-16, -1.5}

// loudnessOf is what the video's user asks for.
func loudnessOf(asked *output.Loudness) loudness {
	l := webSpeech
	if asked != nil && asked.Integrated != nil {
		l.integrated = *asked.Integrated
	}
	if asked != nil && asked.TruePeak != nil {
		l.peak = *asked.TruePeak
	}
	return l
}

// loudnorm brings sound there.
func (l loudness) loudnorm() string {
	return "loudnorm=I=" + decibels(l.integrated) + ":TP=" + decibels(l.peak)
}

// evenly reports whether all of a sound can be made louder or softer by the same amount: no peak is
// above the target's then.
func (l loudness) evenly(m msg.Loudness) bool { return m.TruePeak+l.integrated-m.Integrated <= l.peak }

func decibels(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// loudnorm makes everything louder or softer by the same amount if its range, in LU, is no larger
// than the one asked for, and more than nothing. Else, and when peaks forbid it, it turns the
// volume up and down as it goes. maxRange is as much as it lets us ask for.
const minRange, usualRange, maxRange = 0.1, 11, 50

// softest is the lowest target in LUFS that loudnorm takes.
const softest = -70

// brief is the length of sound, and some, below which loudnorm makes all of it louder or softer by
// the same amount in any case.
const brief = 3100 * time.Millisecond

// loudnessHolds is the length of sound from which on the silence around it changes nothing that
// matters in how loud it is: loudness is that of blocks of 0.4 s, and those that are silent in part
// count as well.
const loudnessHolds = time.Second

// Sound that starts or ends in the middle of a wave clicks.
const fadeIn, fadeOut = 10 * time.Millisecond, 20 * time.Millisecond

// soundChain makes of a facecam's sound, as soundArgs writes it, 48 kHz stereo that starts where
// its picture does: gaps and overlaps of more than 10 ms are filled and cut, so that sample n is
// never further than that from n/48000 s. aresample's own bound, 100 ms, is heard as lips out of
// step; none at all would mend what is only the rounding of time stamps.
func soundChain(input int) string {
	return strings.Join([]string{
		fmt.Sprintf("[%d:0]aresample=%d:async=1:min_hard_comp=0.01:first_pts=0", input, sampleRate),
		"aformat=sample_fmts=fltp:channel_layouts=stereo",
	}, ",")
}

// loudnessArgs is loudnorm's first pass over as much of a facecam's sound as is heard. The report
// comes on stderr, at level info.
func loudnessArgs(sound overlaySound, target loudness, heard time.Duration) []string {
	args := ffmpeg.Global("info")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, "-copyts")
	args = append(args, soundInput()...)
	// asupercut: what nobody hears is not in the finished video's AAC either.
	chain := []string{soundChain(0), "asupercut=cutoff=20000:order=20", "atrim=end=" + ffmpeg.Seconds(heard)}
	chain = append(chain, fades(sound, heard)...)
	chain = append(chain, target.loudnorm()+fmt.Sprintf(":LRA=%d:print_format=json[out]", usualRange))
	return append(args, "-filter_complex", strings.Join(chain, ","), "-map", "[out]", "-f", "null", "-")
}

// finishedLoudnessArgs measures the sound of a finished video.
func finishedLoudnessArgs(name string) []string {
	args := ffmpeg.Global("info")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, ffmpeg.Input(name, ffmpeg.OwnContainers, "-xerror", "-err_detect", "explode")...)
	return append(args, "-map", "0:a:0", "-af", webSpeech.loudnorm()+":print_format=json", "-f", "null", "-")
}

// overlaySound is the facecam's sound as overlay needs to know it.
type overlaySound struct {
	stream   int
	start    time.Duration
	loudness *msg.Loudness // nil: leave it as loud as it is
	// from and to are when there is sound, counted from start. to is 0 when that is not known.
	from, to time.Duration
}

// overlayArgs is the command line that lays sound over the joined picture. sound is nil when there
// is none.
func overlayArgs(p msg.OverlayParams, sound *overlaySound) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, "-copyts")
	args = append(args, ffmpeg.Input(fileJoined, ffmpeg.OwnContainers)...)
	if sound != nil {
		args = append(args, soundInput()...)
		args = append(args, "-filter_complex", overlayFilter(p, *sound))
	}
	if len(p.Captions) > 0 {
		args = append(args, captionsInput()...)
	}
	args = append(args, "-map", "0:v:0", "-c:v", "copy")
	if sound != nil {
		args = append(args, "-map", "[sound]", "-c:a", "aac", "-profile:a", "aac_low", "-b:a", "192k")
	}
	if len(p.Captions) > 0 {
		input := 1
		if sound != nil {
			input = 2
		}
		args = append(args, captionsTrack(input, p.Language)...)
	}
	return append(args,
		"-map_metadata", "-1", "-video_track_timescale", ffmpeg.Timescale(p.Rate), "-movflags", "+faststart",
		"-f", "mp4", "file:"+fileVideo)
}

func overlayFilter(p msg.OverlayParams, sound overlaySound) string {
	chain := []string{soundChain(1)}
	if l := sound.loudness; l != nil {
		f, target := decibels, loudnessOf(p.Loudness)
		if sound.to > 0 && sound.to < brief && !target.evenly(*l) {
			// As much as peaks allow: asked for more, loudnorm turns it down.
			target.integrated = max(softest, l.Integrated+target.peak-l.TruePeak-0.01)
		}
		chain = append(chain, target.loudnorm()+":LRA="+f(min(max(l.Range, usualRange), maxRange))+
			":measured_I="+f(l.Integrated)+":measured_TP="+f(l.TruePeak)+":measured_LRA="+f(max(l.Range, minRange))+
			":measured_thresh="+f(l.Threshold)+":offset="+f(l.Offset)+":linear=true",
			// loudnorm may give 192 kHz.
			fmt.Sprintf("aresample=%d", sampleRate))
	}
	chain = append(chain, fades(sound, p.Rate.At(p.Frames))...)
	chain = append(chain,
		// As long as the picture, to the sample: cut, or filled with silence.
		// N/SR/TB would be cut off to a sample less here and there.
		"apad", fmt.Sprintf("atrim=end_sample=%d", samples(p.Rate, p.Frames)), "asetpts=N",
		"aformat=sample_fmts=fltp:channel_layouts=stereo",
	)
	return strings.Join(chain, ",") + "[sound]"
}

// fades are where the sound starts, and where it or the picture ends.
func fades(sound overlaySound, picture time.Duration) []string {
	end := picture
	if sound.to > 0 {
		end = min(end, sound.to)
	}
	from := max(0, sound.from)
	if end-from < fadeIn+fadeOut {
		return nil
	}
	return []string{
		fmt.Sprintf("afade=t=in:st=%s:d=%s", ffmpeg.Seconds(from), ffmpeg.Seconds(fadeIn)),
		fmt.Sprintf("afade=t=out:st=%s:d=%s", ffmpeg.Seconds(end-fadeOut), ffmpeg.Seconds(fadeOut)),
	}
}

// samples is how many samples last as long as frames, rounded to the nearest.
func samples(rate msg.Rate, frames int) int64 {
	num := int64(frames) * int64(rate.Den) * sampleRate
	return (2*num + int64(rate.Num)) / (2 * int64(rate.Num))
}
