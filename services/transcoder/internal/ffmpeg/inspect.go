package ffmpeg

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// maxInspect bounds ffprobe's description of a file.
const maxInspect = 8 << 20

// File is what a file's headers say.
type File struct {
	// Start is the earliest time stamp of all streams.
	Start time.Duration
	// Duration is what the header claims; 0 when it claims nothing.
	Duration time.Duration
	Streams  []Stream
}

// Stream is what a file's headers say of one stream.
type Stream struct {
	Index int
	// Type is video, audio, subtitle, data or attachment.
	Type  string
	Codec string
	// Cover says that the stream is a picture of the file, such as an album cover.
	Cover bool
	// Width and Height are the size of the picture as shown: rotated, and with square pixels.
	Width, Height int
	// Pixels is the number of pixels of the stored picture.
	Pixels int64
	// Interlaced says that a picture as shown has two fields: every other line is of another time.
	Interlaced bool
	// Alpha says that the pictures have alpha. Decoder is FFmpeg's name of the decoder that reads
	// it; empty for the default one.
	Alpha   bool
	Decoder string
	// FFmpeg's names; empty or "unknown" when the file does not say.
	PixelFormat, Space, Range, Primaries, Transfer string
	// TicksPerSecond and TickSpan are the time base: a tick lasts TickSpan/TicksPerSecond seconds.
	TickSpan, TicksPerSecond int
	// Parameters is a hash of the decoder's parameters (for H.264: the parameter sets).
	Parameters string
	// Start is the stream's first time stamp.
	Start time.Duration
	// Duration is what the header claims of this stream; 0 when it claims nothing.
	Duration time.Duration
}

// maxSide keeps sizes from overflowing when multiplied.
const maxSide = 1 << 30

// Inspect reads a file's headers. The file's container must be one of formats; if it is not, the
// error is an *ExitError.
func (t Tools) Inspect(ctx context.Context, dir, name, formats string) (File, error) {
	var file File
	err := t.Probe(ctx, dir, inspectArgs(name, formats), func(r io.Reader) error {
		data, err := io.ReadAll(io.LimitReader(r, maxInspect))
		if err != nil {
			return err
		}
		file, err = parseInspect(data)
		return err
	})
	if err != nil {
		return File{}, fmt.Errorf("inspect %s: %w", name, err)
	}
	return file, nil
}

// inspected names the headers that are read. Tags are not among them: there may be any amount.
const inspected = "format=start_time,duration" +
	":stream=index,codec_type,codec_name,width,height,pix_fmt,color_space,color_range,color_primaries,color_transfer," +
	"sample_aspect_ratio,field_order,time_base,extradata_hash,start_time,duration" +
	":stream_disposition=attached_pic:stream_side_data=rotation:stream_tags=alpha_mode,ALPHA_MODE"

func inspectArgs(name, formats string) []string {
	return probe(name, formats, "-of", "json", "-show_entries", inspected, "-show_data_hash", "sha256")
}

type inspectJSON struct {
	Format struct {
		Start    string `json:"start_time"`
		Duration string `json:"duration"`
	} `json:"format"`
	Streams []struct {
		Index       int    `json:"index"`
		Type        string `json:"codec_type"`
		Codec       string `json:"codec_name"`
		Width       int    `json:"width"`
		Height      int    `json:"height"`
		PixelFormat string `json:"pix_fmt"`
		Space       string `json:"color_space"`
		Range       string `json:"color_range"`
		Primaries   string `json:"color_primaries"`
		Transfer    string `json:"color_transfer"`
		Aspect      string `json:"sample_aspect_ratio"`
		FieldOrder  string `json:"field_order"`
		TimeBase    string `json:"time_base"`
		Extradata   string `json:"extradata_hash"`
		Start       string `json:"start_time"`
		Duration    string `json:"duration"`
		Disposition struct {
			AttachedPic int `json:"attached_pic"`
		} `json:"disposition"`
		Tags struct {
			AlphaMode string `json:"alpha_mode"`
		} `json:"tags"`
		SideData []struct {
			Rotation float64 `json:"rotation"`
		} `json:"side_data_list"`
	} `json:"streams"`
}

func parseInspect(data []byte) (File, error) {
	var in inspectJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return File{}, fmt.Errorf("parse ffprobe's description: %w", err)
	}
	file := File{
		Start: parseSeconds(in.Format.Start), Duration: max(0, parseSeconds(in.Format.Duration)),
	}
	for _, s := range in.Streams {
		stream := Stream{
			Index: s.Index, Type: s.Type, Codec: s.Codec, Cover: s.Disposition.AttachedPic != 0,
			PixelFormat: s.PixelFormat, Space: s.Space, Range: s.Range, Primaries: s.Primaries, Transfer: s.Transfer, Parameters: s.Extradata,
			Start: parseSeconds(s.Start), Duration: max(0, parseSeconds(s.Duration)),
		}
		stream.Alpha, stream.Decoder = alphaOf(s.Codec, s.PixelFormat, s.Tags.AlphaMode)
		stream.TickSpan, stream.TicksPerSecond, _ = parseRatio(s.TimeBase, "/")
		stream.Width, stream.Height = max(0, s.Width), max(0, s.Height)
		stream.Pixels = int64(min(stream.Width, maxSide)) * int64(min(stream.Height, maxSide))
		if num, den, ok := parseRatio(s.Aspect, ":"); ok {
			stream.Width = int(math.Round(float64(stream.Width) * float64(num) / float64(den)))
		}
		switch s.FieldOrder {
		case "tt", "bb", "tb", "bt": // which field is stored and shown first
			stream.Interlaced = true
		}
		for _, side := range s.SideData {
			// Quarter turns only: FFmpeg turns pictures by other angles within the same frame.
			if math.Abs(math.Mod(side.Rotation, 180)) == 90 {
				stream.Width, stream.Height = stream.Height, stream.Width
				// The turned picture has columns of two times, which no filter mends.
				stream.Interlaced = false
			}
		}
		file.Streams = append(file.Streams, stream)
	}
	return file, nil
}

// parseSeconds reads "12.345000". It returns 0 for anything else.
func parseSeconds(text string) time.Duration {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(s) || math.Abs(s) > 1e9 {
		return 0
	}
	return time.Duration(math.Round(s * float64(time.Second)))
}
