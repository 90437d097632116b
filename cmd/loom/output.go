package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
)

// output is the file of a finished video.
type output struct {
	// path is absolute.
	path string
	file *atomicfile.File
}

// newOutput makes sure that the file can be written: before the work, not after it.
func newOutput(path string) (*output, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	if err := checkOutput(path); err != nil {
		return nil, err
	}
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	return &output{path: path, file: file}, nil
}

// checkOutput reports whether a file can be written to path.
func checkOutput(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("output: %s exists and is not a file", path)
	}
	if err := atomicfile.Check(path); err != nil {
		return fmt.Errorf("output: nothing can be written into %s: %w", filepath.Dir(path), err)
	}
	return nil
}

// fill writes the content of the file at path.
func (o *output) fill(path string) (err error) {
	file, err := os.Open(path)
	if err == nil {
		_, err = io.Copy(o.file, file)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

// keep gives the file its name.
func (o *output) keep() error {
	if err := o.file.Commit(0o644); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

// discard removes the file, unless it has been kept.
func (o *output) discard() { o.file.Discard() }

// thumbnailOf returns where the thumbnail of the video at path goes.
func thumbnailOf(path string) (string, error) {
	thumbnail := strings.TrimSuffix(path, filepath.Ext(path)) + ".jpg"
	if thumbnail == path {
		return "", fmt.Errorf("output: %s is where the thumbnail goes: write the video's name, ending in .mp4", filepath.Base(path))
	}
	return thumbnail, nil
}
