// Package atomicfile writes files that are complete or not there: a reader sees the whole new file,
// or what was at its path before. Each is written as .<name>.<random> in the same folder and
// renamed.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// File is a file on its way to a path. It is an io.Writer.
type File struct {
	path string
	temp *os.File // nil after Commit and Discard
}

// Create starts a file that Commit puts at path. It fails where nothing can be written.
func Create(path string) (*File, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	return &File{path: path, temp: temp}, nil
}

func (f *File) Write(p []byte) (int, error) { return f.temp.Write(p) }

// Commit puts the file at its path, with these permissions. When it fails, what was there stays.
func (f *File) Commit(mode os.FileMode) error {
	if err := errors.Join(f.temp.Chmod(mode), f.temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.temp.Name(), f.path); err != nil {
		return err
	}
	f.temp = nil
	return nil
}

// Discard removes the file unless it was committed.
func (f *File) Discard() {
	if f.temp != nil {
		_ = f.temp.Close()
		_ = os.Remove(f.temp.Name())
		f.temp = nil
	}
}

// Check reports whether a file can be written to path.
func Check(path string) error {
	f, err := Create(path)
	if err == nil {
		f.Discard()
	}
	return err
}

// Write writes data to the file at path, and waits until the disk has it.
func Write(path string, data []byte, mode os.FileMode) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.temp.Sync(); err != nil {
		return err
	}
	return f.Commit(mode)
}

// Copy writes what from holds to the file at path, and returns its length. It fails when length is
// not negative and not the length of what came. Errors of the file are *os.PathError or
// *os.LinkError, see IsOwn; those of from are returned as they are.
func Copy(path string, from io.Reader, length int64, mode os.FileMode) (int64, error) {
	f, err := Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Discard()
	n, err := io.Copy(f, from)
	if err != nil {
		return n, err
	}
	if length >= 0 && n != length {
		return n, fmt.Errorf("got %d of %d bytes", n, length)
	}
	return n, f.Commit(mode)
}

// IsOwn reports whether an error is of the file or its folder, and not of what was copied.
func IsOwn(err error) bool {
	return errors.As(err, new(*os.PathError)) || errors.As(err, new(*os.LinkError))
}
