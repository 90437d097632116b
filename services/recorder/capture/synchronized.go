package capture

import (
	_ "embed"
	"fmt"

	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

//go:embed synchronized.js
var synchronizedScript string

// synchronize keeps canvases from reaching the screen past the page's own pictures, and page time
// from passing while pictures are decoded.
func (s *scene) synchronize() error {
	if s.ownFrames() {
		return nil
	}
	if err := script.OnNewDocument(s.page, "synchronized.js", synchronizedScript); err != nil {
		return fmt.Errorf("synchronize canvases: %w", err)
	}
	return s.watchBitmaps()
}
