package mp4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Track is one of a file's tracks.
type Track struct {
	ffmpeg.Stream
	Timing ffmpeg.Timing
	// Sizes are the sizes of all packets in bytes, in order of decoding.
	Sizes []int64
	// Lead is how much the edit cuts off at the start, in ticks: an encoder of sound begins with
	// samples that are not heard.
	Lead int64
}

// readTrack reads a track of a file of length bytes. movieTicks is how many ticks a second the
// movie's own times have.
func readTrack(trak *mp4.TrakBox, movieTicks, length int64) (t Track, err error) {
	media := trak.Mdia
	if media == nil || media.Hdlr == nil || media.Mdhd == nil || media.Mdhd.Timescale == 0 || media.Minf == nil || media.Minf.Stbl == nil {
		return t, errors.New("it is not described")
	}
	table := media.Minf.Stbl
	if table.Stsd == nil || len(table.Stsd.Children) != 1 {
		return t, errors.New("its samples have not one description")
	}
	t.TickSpan, t.TicksPerSecond = 1, int(media.Mdhd.Timescale)
	switch kind := media.Hdlr.HandlerType; kind {
	case "vide":
		err = t.picture(table.Stsd)
	case "soun":
		err = t.sound(table.Stsd)
	case "sbtl":
		err = t.captions(table.Stsd)
	default:
		err = fmt.Errorf("it is of kind %q", kind)
	}
	if err != nil {
		return t, err
	}
	packets, err := samples(trak, length)
	if err != nil {
		return t, err
	}
	shown, err := readEdit(trak.Edts, movieTicks, int64(media.Mdhd.Timescale))
	if err != nil {
		return t, err
	}
	t.Duration = lasting(min(int64(media.Mdhd.Duration), shown.lasts), int64(media.Mdhd.Timescale))
	t.Timing, t.Lead = ffmpeg.NewTiming(shown.of(packets)), shown.from
	for i := range packets {
		t.Sizes = append(t.Sizes, int64(table.Stsz.GetSampleSize(i+1)))
	}
	return t, nil
}

// picture reads the description of H.264.
func (t *Track) picture(description *mp4.StsdBox) error {
	entry := description.AvcX
	if entry == nil || entry.AvcC == nil || len(entry.AvcC.SPSnalus) != 1 {
		return fmt.Errorf("its pictures are in %q", description.Children[0].Type())
	}
	t.Type, t.Codec = "video", "h264"
	var parameters bytes.Buffer
	if err := entry.AvcC.DecConfRec.Encode(&parameters); err != nil {
		return fmt.Errorf("read its parameter sets: %w", err)
	}
	hash := sha256.Sum256(parameters.Bytes())
	t.Parameters = "SHA256:" + hex.EncodeToString(hash[:]) // as ffprobe writes it
	set, err := avc.ParseSPSNALUnit(entry.AvcC.SPSnalus[0], true)
	if err != nil {
		return fmt.Errorf("read its sequence parameter set: %w", err)
	}
	if set.ChromaFormatIDC != 1 || set.BitDepthLumaMinus8 != 0 || set.BitDepthChromaMinus8 != 0 {
		return errors.New("its pictures are not 4:2:0 of 8 bits")
	}
	t.Width, t.Height, t.Pixels = int(set.Width), int(set.Height), int64(set.Width)*int64(set.Height)
	t.PixelFormat, t.Range, t.Primaries, t.Transfer, t.Space = "yuv420p", "unknown", "unknown", "unknown", "unknown"
	if v := set.VUI; v != nil && v.VideoSignalTypePresentFlag {
		if t.Range = "tv"; v.VideoFullRangeFlag {
			t.Range = "pc"
		}
		if v.ColourDescriptionFlag {
			t.Primaries, t.Transfer, t.Space = colour(v.ColourPrimaries), colour(v.TransferCharacteristics), colour(v.MatrixCoefficients)
		}
	}
	if v := set.VUI; v != nil && v.SampleAspectRatioWidth != v.SampleAspectRatioHeight {
		return errors.New("its pixels are not square")
	}
	return nil
}

// colour returns FFmpeg's name of the colours that we write, and the number of others.
func colour(n uint) string {
	switch n {
	case 1:
		return "bt709"
	case 2:
		return "unknown"
	}
	return strconv.Itoa(int(n))
}

// aacObject is AAC's object type in a decoder's description.
const aacObject = 0x40

// sound reads the description of AAC.
func (t *Track) sound(description *mp4.StsdBox) error {
	t.Type, t.Codec = "audio", "aac"
	entry := description.Mp4a
	if entry == nil || entry.Esds == nil || entry.Esds.DecConfigDescriptor == nil || entry.Esds.DecConfigDescriptor.ObjectType != aacObject {
		return errors.New("its sound is not AAC")
	}
	return nil
}

func (t *Track) captions(description *mp4.StsdBox) error {
	t.Type, t.Codec = "subtitle", "mov_text"
	if kind := description.Children[0].Type(); kind != "tx3g" {
		return fmt.Errorf("its captions are in %q", kind)
	}
	return nil
}
