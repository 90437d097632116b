package ffmpeg

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestProgressIsRead(t *testing.T) {
	var got []Progress
	err := parseProgress(strings.NewReader("frame=12\nfps=0.0\nout_time_us=200000\nprogress=continue\n"+
		"frame=N/A\nout_time_us=N/A\nframe=-1\nprogress=continue\nframe=  60 \nout_time_us=1000000\nprogress=end\n"),
		func(p Progress) { got = append(got, p) })
	want := []Progress{{Frame: 12, Time: 200 * time.Millisecond}, {Frame: 12, Time: 200 * time.Millisecond}, {Frame: 60, Time: time.Second, End: true}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestAlphaIsFoundWhereAStreamHasIt(t *testing.T) {
	for text, want := range map[string]struct {
		alpha   bool
		decoder string
	}{
		`"codec_name":"vp9","pix_fmt":"yuv420p","tags":{"alpha_mode":"1"}`:  {true, "libvpx-vp9"},
		`"codec_name":"vp8","pix_fmt":"yuv420p","tags":{"ALPHA_MODE":"1"}`:  {true, "libvpx"},
		`"codec_name":"vp9","pix_fmt":"yuv420p","tags":{"alpha_mode":"0"}`:  {},
		`"codec_name":"vp9","pix_fmt":"yuv420p"`:                            {},
		`"codec_name":"h264","pix_fmt":"yuv420p","tags":{"alpha_mode":"1"}`: {},
		`"codec_name":"prores","pix_fmt":"yuva444p12le"`:                    {true, ""},
		`"codec_name":"prores","pix_fmt":"yuv444p12le"`:                     {},
		`"codec_name":"png","pix_fmt":"rgba"`:                               {true, ""},
		`"codec_name":"cfhd","pix_fmt":"gbrap12le"`:                         {true, ""},
		`"codec_name":"rawvideo","pix_fmt":"bgra"`:                          {},
	} {
		file, err := parseInspect([]byte(`{"streams":[{"codec_type":"video",` + text + `}]}`))
		if err != nil || file.Streams[0].Alpha != want.alpha || file.Streams[0].Decoder != want.decoder {
			t.Errorf("%s: %+v, %v", text, file, err)
		}
	}
}

func FuzzProgress(f *testing.F) {
	f.Add("frame=12\nout_time_us=200000\nprogress=continue\n")
	f.Add("out_time_us=-9223372036854775808\nprogress=end")
	f.Fuzz(func(t *testing.T, text string) {
		_ = parseProgress(strings.NewReader(text), func(p Progress) {
			if p.Frame < 0 || p.Time < 0 {
				t.Errorf("%q: %+v", text, p)
			}
		})
	})
}

const description = `{"streams":[
 {"index":0,"codec_type":"video","codec_name":"mjpeg","width":600,"height":600,"disposition":{"attached_pic":1}},
 {"index":1,"codec_type":"video","codec_name":"h264","width":1440,"height":1080,"sample_aspect_ratio":"4:3","pix_fmt":"yuv420p",
  "color_range":"tv","color_space":"bt709","time_base":"1/90000","duration":"2.5","extradata_hash":"SHA256:ab",
  "side_data_list":[{"side_data_type":"Display Matrix","rotation":-90}],"disposition":{"attached_pic":0}},
 {"index":2,"codec_type":"audio","codec_name":"aac","time_base":"1/48000"}],
 "format":{"format_name":"mov,mp4,m4a,3gp,3g2,mj2","start_time":"-0.021333","duration":"N/A"}}`

func TestADescriptionIsRead(t *testing.T) {
	file, err := parseInspect([]byte(description))
	if err != nil || len(file.Streams) != 3 {
		t.Fatalf("%+v, %v", file, err)
	}
	if file.Start != -21333*time.Microsecond || file.Duration != 0 || !file.Streams[0].Cover {
		t.Errorf("file %+v", file)
	}
	want := Stream{
		Index: 1, Type: "video", Codec: "h264", Width: 1080, Height: 1920, Pixels: 1440 * 1080, PixelFormat: "yuv420p", Space: "bt709", Range: "tv",
		TickSpan: 1, TicksPerSecond: 90000, Parameters: "SHA256:ab", Duration: 2500 * time.Millisecond,
	}
	if file.Streams[1] != want {
		t.Errorf("stream %+v, want %+v", file.Streams[1], want)
	}
}

func TestOfAnInterlacedPictureEveryOtherLineIsOfAnotherTime(t *testing.T) {
	for text, want := range map[string]bool{
		`"field_order":"tt"`: true, `"field_order":"bb"`: true, `"field_order":"tb"`: true, `"field_order":"bt"`: true,
		`"field_order":"progressive"`: false, `"field_order":"unknown"`: false, `"width":2`: false,
		`"field_order":"tt","side_data_list":[{"rotation":180}]`: true,
		`"field_order":"tt","side_data_list":[{"rotation":-90}]`: false, // columns
	} {
		file, err := parseInspect([]byte(`{"streams":[{` + text + `}]}`))
		if err != nil || file.Streams[0].Interlaced != want {
			t.Errorf("%s: %+v, %v", text, file, err)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add([]byte(description))
	f.Add([]byte(`{"streams":[{"width":2147483647,"height":-1,"sample_aspect_ratio":"2147483647:1","side_data_list":[{"rotation":1e308}]}]}`))
	f.Add([]byte(`{"streams":[{"sample_aspect_ratio":"0:1","time_base":"1/0","duration":"1e400"},null],"format":{"start_time":"-inf"}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parseInspect(data)
		if err != nil {
			return
		}
		if file.Duration < 0 {
			t.Errorf("duration %s", file.Duration)
		}
		for _, s := range file.Streams {
			if s.Width < 0 || s.Height < 0 || s.Pixels < 0 || s.TickSpan < 0 || s.TicksPerSecond < 0 || s.Duration < 0 {
				t.Errorf("stream %+v", s)
			}
		}
	})
}

func TestPacketsAreReadInTheOrderOfShowing(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       Timing
	}{
		{"B-frames", "pts=0|dts=-2000|duration=1000|flags=K_\npts=3000|dts=-1000|duration=1000|flags=__\n" +
			"pts=1000|dts=0|duration=1000|flags=__\npts=2000|dts=1000|duration=1000|flags=__\n",
			Timing{Packets: 4, Gap: 1000, Uneven: -1, End: 4000}},
		{"a hole", "pts=0|duration=1\npts=1|duration=1\npts=3|duration=1\npts=4|duration=1\n", Timing{Packets: 4, Uneven: 2, End: 5}},
		{"doubled", "pts=0|duration=1\npts=0|duration=1\npts=1|duration=1\n", Timing{Packets: 3, Uneven: 2, End: 2}},
		{"cut away", "pts=-512|duration=512|flags=KD_\npts=0|duration=512|flags=K__\n", Timing{Packets: 1, Uneven: -1, End: 512}},
		{"keyframes", "pts=0|duration=1|flags=K_\npts=2|duration=1|flags=K_\npts=1|duration=1|flags=__\npts=3|duration=1|flags=K_\n",
			Timing{Packets: 4, Gap: 1, Uneven: -1, End: 4, KeyBefore: 0, Key: 2}},
		{"without PTS", "pts=N/A|dts=0|duration=1\npts=N/A|dts=1|duration=1\n", Timing{Packets: 2, Gap: 1, Uneven: -1, End: 2}},
		{"keyframes that end before the middle", "pts=0|duration=1|flags=K_\npts=1|duration=1|flags=K_\npts=2|duration=90|flags=__\n",
			Timing{Packets: 3, Gap: 1, Uneven: -1, End: 92, KeyBefore: 0, Key: 1}},
		{"nothing", "", Timing{Uneven: -1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := parseTiming(strings.NewReader(test.text), 4); err != nil || got != test.want {
				t.Errorf("%+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

func TestPacketsWithoutEndAreNotKept(t *testing.T) {
	if _, err := parseTiming(strings.NewReader("pts=0\npts=1\npts=2\n"), 2); !errors.Is(err, ErrTooMany) {
		t.Errorf("error %v", err)
	}
}

func FuzzTiming(f *testing.F) {
	f.Add("pts=0|dts=-2000|duration=1000|flags=K_\npts=N/A|dts=1|duration=N/A|flags=D\n", 1, 90000)
	f.Add("pts=0|flags=K_\npts=5|flags=K_\npts=2|flags=K_\n", 1, 1000)
	f.Add("pts=1152921504606846975|flags=K_|duration=1\npts=-1152921504606846975|flags=K_", 1, 1)
	f.Add("pts=1152921504606846975|duration=1152921504606846975\npts=-1152921504606846975", 1, 1)
	f.Fuzz(func(t *testing.T, text string, span, perSecond int) {
		timing, err := parseTiming(strings.NewReader(text), 1000)
		if err != nil {
			return
		}
		if timing.KeyBefore > timing.Key {
			t.Errorf("%q: %+v", text, timing)
		}
		if timing.Packets < 0 || timing.Uneven >= timing.Packets || timing.Gap < 0 {
			t.Errorf("%q: %+v", text, timing)
		}
		if length := timing.Length(Stream{TickSpan: max(0, span), TicksPerSecond: perSecond}); length < 0 {
			t.Errorf("%q: %+v, length %s", text, timing, length)
		}
	})
}

const report = `[Parsed_loudnorm_0 @ 0x5581]
{
	"input_i" : "-27.61",
	"input_tp" : "-4.47",
	"input_lra" : "18.06",
	"input_thresh" : "-39.20",
	"output_i" : "-16.58",
	"normalization_type" : "dynamic",
	"target_offset" : "0.58"
}
[out#0/null @ 0x5581] video:0KiB audio:1125KiB`

func TestLoudnessIsRead(t *testing.T) {
	l, err := ParseLoudness(report)
	if want := (Loudness{Integrated: -27.61, TruePeak: -4.47, Range: 18.06, Threshold: -39.2, Offset: 0.58}); err != nil || l != want {
		t.Errorf("%+v, %v; want %+v", l, err, want)
	}
	silent := strings.NewReplacer("-27.61", "-inf", "-4.47", "-inf", "0.58", "inf").Replace(report)
	if l, err = ParseLoudness(silent); err != nil || !l.Silent {
		t.Errorf("silence: %+v, %v", l, err)
	}
	for _, text := range []string{"", "}{", "{}", `{"input_i":"loud"}`} {
		if _, err := ParseLoudness(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzLoudness(f *testing.F) {
	f.Add(report)
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLoudness(text)
		if err != nil {
			return
		}
		for _, v := range []float64{l.Integrated, l.TruePeak, l.Range, l.Threshold, l.Offset} {
			if math.IsNaN(v) || math.Abs(v) > 99 {
				t.Errorf("%q: %+v", text, l)
			}
		}
	})
}

func TestVersions(t *testing.T) {
	for _, test := range []struct {
		text, version string
		tooOld        bool
	}{
		{"ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026", "5.1.9-0+deb12u1", false},
		{"ffmpeg version 7.1.5-0+deb13u1 Copyright", "7.1.5-0+deb13u1", false},
		{"ffprobe version n7.1 Copyright", "n7.1", false},
		{"ffmpeg version 10.0 Copyright", "10.0", false},
		{"ffmpeg version N-109542-g2fb9b2a0d4 Copyright", "N-109542-g2fb9b2a0d4", false},
		{"ffmpeg version 5.0.3 Copyright", "5.0.3", true},
		{"ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", "4.4.2-0ubuntu0.22.04.1", true},
	} {
		version, err := parseVersion(test.text)
		if version != test.version || errors.Is(err, errTooOld) != test.tooOld || (err != nil) != test.tooOld {
			t.Errorf("%q: %q, %v", test.text, version, err)
		}
	}
}

func FuzzVersion(f *testing.F) {
	f.Add("ffmpeg version 5.1.9-0+deb12u1 Copyright")
	f.Fuzz(func(t *testing.T, text string) {
		if version, err := parseVersion(text); err == nil && version == "" {
			t.Errorf("%q: no version and no error", text)
		}
	})
}
