package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// captureOutputs are the files that a capture writes: OUT.mp4 and OUT.jpg, or OUT.failure.zip.
type captureOutputs struct {
	video, thumbnail *output
	// bundle is the absolute path of the failure bundle.
	bundle string
}

// newCaptureOutputs makes sure that the files can be written. The caller discards them.
func newCaptureOutputs(out string) (*captureOutputs, error) {
	video, err := filepath.Abs(out)
	if err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	thumbnail, err := thumbnailOf(video)
	if err != nil {
		return nil, err
	}
	o := &captureOutputs{bundle: strings.TrimSuffix(video, filepath.Ext(video)) + ".failure.zip"}
	if o.video, err = newOutput(video); err != nil {
		return nil, err
	}
	if o.thumbnail, err = newOutput(thumbnail); err != nil {
		o.video.discard()
		return nil, err
	}
	return o, nil
}

// keep gives video and thumbnail their names.
func (o *captureOutputs) keep() error {
	if err := o.thumbnail.keep(); err != nil {
		return err
	}
	return o.video.keep()
}

// discard removes what has not been kept.
func (o *captureOutputs) discard() {
	o.video.discard()
	o.thumbnail.discard()
}

// removeBundle removes the bundle of an earlier failure.
func (o *captureOutputs) removeBundle() error {
	if err := os.Remove(o.bundle); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the last failure's bundle: %w", err)
	}
	return nil
}

// keepBundle copies a failure bundle to its place.
func (o *captureOutputs) keepBundle(from string) error {
	bundle, err := newOutput(o.bundle)
	if err != nil {
		return err
	}
	defer bundle.discard()
	if err := bundle.fill(from); err != nil {
		return err
	}
	return bundle.keep()
}
