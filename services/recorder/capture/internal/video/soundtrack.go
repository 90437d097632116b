package video

import (
	"bytes"
	"encoding/binary"
)

// hideSound hides the sound tracks of a video from Chrome, in place, and returns how many there
// were. part is the file, or any part of it that begins before the tracks' headers and ends behind
// them: the headers are recognized by their content. In an mp4, a track becomes free space. In a
// WebM, where Chrome does not find the pictures past data that belongs to no track, it becomes
// subtitles. A file without pictures keeps its sound.
func hideSound(part []byte) (tracks int) {
	var pictures bool
	var sounds []name
	note := func(kind kind, at name) {
		switch kind {
		case pictureTrack:
			pictures = true
		case soundTrack:
			sounds = append(sounds, at)
		}
	}
	mp4Tracks(part, note)
	webmTracks(part, note)
	if !pictures {
		return 0
	}
	for _, s := range sounds {
		copy(part[s.at:], s.hidden)
	}
	return len(sounds)
}

// kind is what a track holds.
type kind int

const (
	otherTrack kind = iota
	pictureTrack
	soundTrack
)

// name is the place in a file that says what a track is, and what to write there to hide it.
type name struct {
	at     int
	hidden string
}

// maxSiblings bounds how many boxes or elements of one parent are parsed: anybody may have made the
// file.
const maxSiblings = 32

// mp4Tracks reports the tracks of an mp4: boxes of a length, the name trak, and boxes of their own.
func mp4Tracks(part []byte, note func(kind, name)) {
	trak := []byte("trak")
	for at := 4; at < len(part); at += len(trak) {
		next := bytes.Index(part[at:], trak)
		if next < 0 {
			return
		}
		at += next
		handler := box(box(boxAt(part[at-4:]), "mdia"), "hdlr")
		if len(handler) < 12 {
			continue
		}
		switch string(handler[8:12]) { // behind version, flags and four reserved bytes
		case "vide":
			note(pictureTrack, name{at, "free"})
		case "soun":
			note(soundTrack, name{at, "free"})
		}
	}
}

// boxAt returns the content of the box that b begins with, as far as b goes.
func boxAt(b []byte) []byte {
	if len(b) < 8 {
		return nil
	}
	return b[8:max(8, min(len(b), int(binary.BigEndian.Uint32(b))))]
}

// box returns the content of the first box of a name in parent, as far as it goes.
func box(parent []byte, name string) []byte {
	for range maxSiblings {
		if len(parent) < 8 {
			return nil
		}
		if string(parent[4:8]) == name {
			return boxAt(parent)
		}
		size := int(binary.BigEndian.Uint32(parent))
		if size < 8 || size > len(parent) {
			return nil
		}
		parent = parent[size:]
	}
	return nil
}

// The ids of a WebM's elements, which include the marks of their length.
const (
	webmTracksID  = "\x16\x54\xae\x6b"
	webmEntryID   = 0xae
	webmTypeID    = 0x83
	webmVoidID    = 0xec
	webmCheckID   = 0xbf
	webmPicture   = "\x01"
	webmSound     = "\x02"
	webmSubtitles = "\x11"
)

// webmTracks reports the tracks of a WebM: Tracks, and in it a TrackEntry for each.
func webmTracks(part []byte, note func(kind, name)) {
	for at := 0; ; {
		next := bytes.Index(part[at:], []byte(webmTracksID))
		if next < 0 {
			return
		}
		at += next + len(webmTracksID)
		_, size := number(part[at:])
		if size == 0 {
			continue
		}
		// The length of Tracks may be unknown: whatever is no track ends it.
		for entry, n := at+size, 0; n < maxSiblings; n++ {
			e, ok := elementAt(part[entry:])
			if !ok || e.id != webmEntryID && e.id != webmVoidID && e.id != webmCheckID {
				break
			}
			if e.id == webmEntryID {
				webmTrack(e.content, func(k kind, n name) {
					n.at += entry + e.size - len(e.content)
					note(k, n)
				})
			}
			entry += e.size
		}
	}
}

// webmTrack reports the track of a TrackEntry.
func webmTrack(entry []byte, note func(kind, name)) {
	for at, n := 0, 0; n < maxSiblings; n++ {
		e, ok := elementAt(entry[at:])
		if !ok {
			return
		}
		at += e.size
		if e.id != webmTypeID {
			continue
		}
		switch string(e.content) {
		case webmPicture:
			note(pictureTrack, name{at - 1, webmSubtitles})
		case webmSound:
			note(soundTrack, name{at - 1, webmSubtitles})
		}
		return
	}
}

// element is a complete one of EBML.
type element struct {
	id      uint64
	content []byte
	size    int // all of it
}

// elementAt returns the element that b begins with.
func elementAt(b []byte) (e element, ok bool) {
	_, idSize := number(b)
	if idSize == 0 || idSize > 4 {
		return e, false
	}
	length, lengthSize := number(b[idSize:])
	head := idSize + lengthSize
	if lengthSize == 0 || length > uint64(len(b)-head) {
		return e, false
	}
	for _, digit := range b[:idSize] { // an id keeps the mark of its length
		e.id = e.id<<8 | uint64(digit)
	}
	e.size = head + int(length)
	e.content = b[head:e.size]
	return e, true
}

// number returns the EBML number that b begins with, and its size in bytes; 0 when b ends before.
func number(b []byte) (n uint64, size int) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0
	}
	size = 1
	for mark := byte(0x80); b[0]&mark == 0; mark >>= 1 {
		size++
	}
	if len(b) < size {
		return 0, 0
	}
	n = uint64(b[0]) & (1<<(8-size) - 1)
	for _, digit := range b[1:size] {
		n = n<<8 | uint64(digit)
	}
	return n, size
}
