package overrides

import (
	_ "embed"
	"fmt"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

//go:embed canvas.js
var canvasScript string

// Canvas makes desynchronized canvases ordinary ones, from the page's next document on. The former
// bypass the compositor, so that frames would miss some of their pictures.
func Canvas(page *rod.Page) error {
	if err := script.OnNewDocument(page, "canvas.js", canvasScript); err != nil {
		return fmt.Errorf("synchronize canvases: %w", err)
	}
	return nil
}
