package mp4

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// Read returns a file's tracks, in order.
func Read(path string) ([]Track, error) {
	movie, length, err := open(path)
	if err != nil {
		return nil, err
	}
	if movie.Moov.Mvex != nil {
		return nil, errors.New("it is in fragments")
	}
	var tracks []Track
	for i, trak := range movie.Moov.Traks {
		t, err := readTrack(trak, int64(movie.Moov.Mvhd.Timescale), length)
		if err != nil {
			return nil, fmt.Errorf("track %d: %w", i, err)
		}
		t.Index = i
		tracks = append(tracks, t)
	}
	return tracks, nil
}

// FastStart reports whether a file's index is before its media.
func FastStart(path string) (bool, error) {
	movie, _, err := open(path)
	if err != nil {
		return false, err
	}
	if movie.Mdat == nil {
		return false, errors.New("it has no media")
	}
	return movie.Moov.StartPos < movie.Mdat.StartPos, nil
}

// Length returns the duration that the index of an MP4 or QuickTime file gives.
func Length(path string) (time.Duration, error) {
	movie, _, err := open(path)
	if err != nil {
		return 0, err
	}
	return lasting(int64(movie.Moov.Mvhd.Duration), int64(movie.Moov.Mvhd.Timescale)), nil
}

// open reads a file's boxes without its media. length is the file's size in bytes.
func open(path string) (movie *mp4.File, length int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	movie, err = mp4.DecodeFile(f, mp4.WithDecodeMode(mp4.DecModeLazyMdat))
	switch {
	case err != nil:
		return nil, 0, err
	case movie.Moov == nil || movie.Moov.Mvhd == nil || movie.Moov.Mvhd.Timescale == 0:
		return nil, 0, errors.New("it has no index")
	}
	return movie, info.Size(), nil
}

// lasting returns how long some ticks last.
func lasting(ticks, perSecond int64) time.Duration {
	return time.Duration(float64(ticks) / float64(perSecond) * float64(time.Second))
}
