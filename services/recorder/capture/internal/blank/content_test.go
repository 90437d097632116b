package blank

import (
	"io"
	"strings"
	"testing"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

func TestAnAreaThatCannotBeAskedForIsNotEmpty(t *testing.T) {
	t.Parallel()
	gone := cdp.New(strings.NewReader(""), io.Discard)
	page := rod.New().Client(gone.Rod(t.Context())).PageFromSession("page")
	if empty, err := (Area{}).Empty(world.New(gone, page)); empty || err == nil {
		t.Errorf("without Chrome, the area is empty: %t, %v", empty, err)
	}
}
