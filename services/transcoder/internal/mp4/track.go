package mp4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Track is one of a file's tracks.
type Track struct {
	ffmpeg.Stream
	Timing ffmpeg.Timing
	// Sizes are those of all packets in bytes, in the order in which they are decoded.
	Sizes []int64
}

// identity is the matrix of a picture that is shown as it is stored.
var identity = [9]int64{0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000}

func parse(index box, length int64) ([]Track, error) {
	header, err := index.child("mvhd")
	if err != nil {
		return nil, err
	}
	c := cursor{rest: header}
	version := c.version()
	c.wide(version)
	c.wide(version)
	perSecond := c.u32() // that edits are written in
	if c.err != nil || perSecond == 0 {
		return nil, errors.New("a movie without a time scale")
	}
	if index.has("mvex") {
		return nil, errors.New("it is in fragments")
	}
	var tracks []Track
	err = index.children(func(kind string, content box) error {
		if kind != "trak" {
			return nil
		}
		t := Track{Stream: ffmpeg.Stream{Index: len(tracks)}}
		if err := t.parse(content, perSecond, length); err != nil {
			return fmt.Errorf("track %d: %w", len(tracks), err)
		}
		tracks = append(tracks, t)
		return nil
	})
	return tracks, err
}

func (t *Track) parse(trak box, perSecond, length int64) error {
	media, err := trak.child("mdia")
	if err != nil {
		return err
	}
	handler, err := media.child("hdlr")
	if err != nil {
		return err
	}
	c := cursor{rest: handler}
	c.skip(8)
	kind := c.kind()
	header, err := media.child("mdhd")
	if err != nil {
		return err
	}
	clock := cursor{rest: header, err: c.err}
	version := clock.version()
	clock.wide(version)
	clock.wide(version)
	t.TickSpan, t.TicksPerSecond = 1, int(clock.u32())
	lasts := clock.wide(version)
	if clock.err != nil || t.TicksPerSecond == 0 || lasts/int64(t.TicksPerSecond) > maxSeconds {
		return errors.New("a time scale that cannot be used")
	}
	table, err := media.child("minf", "stbl")
	if err != nil {
		return err
	}
	entry, err := oneEntry(table)
	if err != nil {
		return err
	}
	switch kind {
	case "vide":
		t.Type = "video"
		err = t.picture(trak, entry)
	case "soun":
		t.Type = "audio"
		err = t.sound(entry)
	case "sbtl":
		t.Type, t.Codec = "subtitle", "mov_text"
		if entry.kind != "tx3g" {
			err = fmt.Errorf("captions in %q", entry.kind)
		}
	default:
		err = fmt.Errorf("a track of kind %q", kind)
	}
	if err != nil {
		return err
	}
	edit, err := readEdit(trak, perSecond, int64(t.TicksPerSecond))
	if err != nil {
		return err
	}
	packets, sizes, err := samples(table, length)
	if err != nil {
		return err
	}
	shown := packets[:0]
	for _, p := range packets {
		if p.PTS -= edit.from; p.PTS >= 0 && (edit.lasts == 0 || p.PTS < edit.lasts) {
			shown = append(shown, p)
		}
	}
	if edit.lasts > 0 {
		lasts = min(lasts, edit.lasts)
	}
	t.Duration = time.Duration(float64(lasts) / float64(t.TicksPerSecond) * float64(time.Second))
	t.Timing, t.Sizes = ffmpeg.NewTiming(shown), sizes
	return nil
}

// entry is how a track's samples are coded.
type entry struct {
	kind    string
	content box
}

func oneEntry(table box) (entry, error) {
	list, err := table.child("stsd")
	if err != nil {
		return entry{}, err
	}
	c := cursor{rest: list}
	c.version()
	if n := c.u32(); c.err != nil || n != 1 {
		return entry{}, fmt.Errorf("%d descriptions of samples, want one", n)
	}
	var found entry
	err = box(c.rest).children(func(kind string, content box) error {
		found = entry{kind, content}
		return nil
	})
	return found, err
}

// The fixed parts of descriptions of pictures and of sound.
const pictureHeader, soundHeader = 78, 28

// picture reads the description of H.264.
func (t *Track) picture(trak box, e entry) error {
	if e.kind != "avc1" || len(e.content) < pictureHeader {
		return fmt.Errorf("pictures in %q", e.kind)
	}
	t.Codec = "h264"
	header, err := trak.child("tkhd")
	if err != nil {
		return err
	}
	c := cursor{rest: header}
	version := c.version()
	c.wide(version)
	c.wide(version)
	c.skip(8)
	c.wide(version)
	c.skip(16)
	for _, want := range identity {
		if c.s32() != want {
			return errors.New("a picture that is turned")
		}
	}
	inside := e.content[pictureHeader:]
	parameters, err := inside.child("avcC")
	if err != nil {
		return err
	}
	hash := sha256.Sum256(parameters)
	t.Parameters = "SHA256:" + hex.EncodeToString(hash[:]) // as ffprobe writes it
	set, err := firstSet(parameters)
	if err != nil {
		return err
	}
	s, err := parseSPS(set)
	if err != nil {
		return fmt.Errorf("read the sequence parameter set: %w", err)
	}
	t.Width, t.Height, t.Pixels = s.width, s.height, int64(s.width)*int64(s.height)
	t.PixelFormat, t.Range = "yuv420p", s.colourRange
	t.Primaries, t.Transfer, t.Space = colourName(s.primaries), colourName(s.transfer), colourName(s.matrix)
	return checkPictureBoxes(inside, s)
}

// checkPictureBoxes makes sure that the file says of its pictures what they say themselves.
func checkPictureBoxes(inside box, s sps) error {
	if inside.has("pasp") {
		shape, err := inside.child("pasp")
		if err != nil {
			return err
		}
		c := cursor{rest: shape}
		if across := c.u32(); c.u32() != across || c.err != nil {
			return errors.New("pixels that are not square")
		}
	}
	if !inside.has("colr") {
		return nil
	}
	colours, err := inside.child("colr")
	if err != nil {
		return err
	}
	c := cursor{rest: colours}
	if kind := c.kind(); kind != "nclx" {
		return fmt.Errorf("colours as %q", kind)
	}
	if c.u16() != s.primaries || c.u16() != s.transfer || c.u16() != s.matrix || (c.u8()>>7 == 1) != (s.colourRange == "pc") || c.err != nil {
		return errors.New("colours other than the pictures' own")
	}
	return nil
}

// aacObject is what the descriptor of a decoder calls AAC.
const aacObject = 0x40

// sound reads the description of AAC.
func (t *Track) sound(e entry) error {
	if e.kind != "mp4a" || len(e.content) < soundHeader {
		return fmt.Errorf("sound in %q", e.kind)
	}
	descriptor, err := e.content[soundHeader:].child("esds")
	if err != nil {
		return err
	}
	c := cursor{rest: descriptor}
	c.version()
	if open := c.descriptor(3); !open {
		return errors.New("a description of sound that cannot be read")
	}
	c.skip(3)
	if open := c.descriptor(4); !open || c.u8() != aacObject || c.err != nil {
		return errors.New("sound that is not AAC")
	}
	t.Codec = "aac"
	return nil
}

// descriptor enters one with a tag, past its length, which is written in seven bits at a time.
func (c *cursor) descriptor(tag int) bool {
	if c.u8() != tag {
		return false
	}
	for range 4 {
		if c.u8()&0x80 == 0 {
			return c.err == nil
		}
	}
	return false
}

// edit says which part of a track is shown, in its ticks. lasts is 0 for all that follows.
type edit struct{ from, lasts int64 }

func readEdit(trak box, perSecond, ticks int64) (edit, error) {
	if !trak.has("edts") {
		return edit{}, nil
	}
	list, err := trak.child("edts", "elst")
	if err != nil {
		return edit{}, err
	}
	c := cursor{rest: list}
	version := c.version()
	if n := c.u32(); n != 1 {
		return edit{}, fmt.Errorf("%d edits", n)
	}
	lasts, from := c.wide(version), int64(0)
	if version == 0 {
		from = c.s32()
	} else {
		from = c.wide(version)
	}
	if rate := c.u32(); c.err != nil || from < 0 || rate != 0x10000 || lasts > maxTime/ticks {
		return edit{}, errors.New("an edit that does more than cut")
	}
	return edit{from: from, lasts: (lasts*ticks + perSecond/2) / perSecond}, nil
}

// maxTime and maxSeconds keep products of times from overflowing.
const maxTime, maxSeconds = 1 << 60, 1 << 30
