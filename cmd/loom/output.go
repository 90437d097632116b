package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// output is a file that is written under another name and takes its own when it is complete: what
// was there before stays until then, and for good when it never is.
type output struct {
	// path is absolute.
	path string
	file *os.File
	kept bool
}

// newOutput makes sure that the file can be written: before the work, not after it.
func newOutput(path string) (*output, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("output: %s is there and is no file", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("output: nothing can be written into %s: %w", filepath.Dir(path), err)
	}
	return &output{path: path, file: file}, nil
}

// keep gives the file its name.
func (o *output) keep() error {
	if err := errors.Join(o.file.Chmod(0o644), o.file.Close(), os.Rename(o.file.Name(), o.path)); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	o.kept = true
	return nil
}

// discard removes the file, unless it has been kept.
func (o *output) discard() {
	if !o.kept {
		_ = o.file.Close()
		_ = os.Remove(o.file.Name())
	}
}
