package inprocess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// folder holds objects as files, by their keys.
type folder string

func (f folder) path(key string) string { return filepath.Join(string(f), filepath.FromSlash(key)) }

// Get links an object to path.
func (f folder) Get(_ context.Context, name string, input msg.Input, path string) error {
	if err := link(f.path(input.Key), path); err != nil {
		return fmt.Errorf("fetch %s: %w", name, err)
	}
	return nil
}

// Put links the file at path to an object.
func (f folder) Put(_ context.Context, name string, output msg.Output, path string) error {
	to := f.path(output.Key)
	err := os.MkdirAll(filepath.Dir(to), 0o700)
	if err == nil {
		err = link(path, to)
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	return nil
}

// link gives a file a second name, in place of a file that has it. Where that cannot be done
// (another file system, or one without links) it copies the file.
func link(from, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	err := os.Link(from, to)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := copyFile(from, to); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
