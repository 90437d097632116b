package capture

import (
	_ "embed"
	"fmt"

	"github.com/go-rod/rod/lib/proto"
)

//go:embed synchronized.js
var synchronizedScript string

// synchronize keeps canvases from reaching the screen past the page's own pictures.
func (s *scene) synchronize() error {
	if s.ownFrames() {
		return nil
	}
	if err := s.onNewDocument(synchronizedScript); err != nil {
		return fmt.Errorf("synchronize canvases: %w", err)
	}
	return nil
}

// onNewDocument runs a script in each of the page's documents, frames included, before its own.
func (s *scene) onNewDocument(script string) error {
	_, err := proto.PageAddScriptToEvaluateOnNewDocument{Source: script}.Call(s.page)
	return err
}
