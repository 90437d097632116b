package mezzanine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// piecewise writes shades into pieces of these many frames, as write does into one file.
func piecewise(t *testing.T, frames, shades []int) (p *Pieces, err error) {
	t.Helper()
	dir := t.TempDir()
	p = &Pieces{
		Format: Format{Width: width, Height: height, Rate: msg.FPS(60)}, Frames: frames,
		Path: func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) },
	}
	p.Done = func(i int) {
		if _, err := os.Stat(p.Path(i + 1)); err == nil {
			t.Errorf("piece %d is begun before %d is done", i+1, i)
		}
	}
	for _, y := range shades {
		if y < 0 {
			err = p.Repeat()
		} else {
			_, err = p.Frame(shade(t, uint8(y)))
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func TestPiecesAreTheSameAsFilesOfTheirFrames(t *testing.T) {
	shades := []int{10, 10, 50, -1, -1, 50, 90, 10, 10}
	p, err := piecewise(t, []int{3, 2, 2, 2}, shades)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := p.Close()
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for i, alone := range [][]int{{10, 10, 50}, {50, 50}, {50, 90}, {10, 10}} {
		path, of := write(t, msg.FPS(60), alone)
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(p.Path(i))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("piece %d is not the file of its frames: %v", i, err)
		}
		size += of.Bytes
	}
	if want := (msg.RecordFacts{Frames: 9, Distinct: 4, Bytes: size}); !reflect.DeepEqual(facts, want) {
		t.Errorf("facts are %+v, want %+v", facts, want)
	}
}

func TestPiecesHaveExactlyTheirFrames(t *testing.T) {
	if _, err := piecewise(t, []int{2, 1}, []int{-1}); !errors.Is(err, errFirst) {
		t.Errorf("a repeated first frame: %v", err)
	}
	if _, err := piecewise(t, []int{2, 1}, []int{1, 2, 3, 4}); err == nil || !strings.Contains(err.Error(), "after the last of 3") {
		t.Errorf("a frame too many: %v", err)
	}
	for _, shades := range [][]int{nil, {1}, {1, 2}} {
		p, err := piecewise(t, []int{2, 1}, shades)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Close(); err == nil {
			t.Errorf("%d frames of 3 are taken for all", len(shades))
		}
	}
}
