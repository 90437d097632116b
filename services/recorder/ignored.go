package recorder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// ignoredOptions warns of what was asked of a scene and is not done; nil when there is nothing. It names options, never
// their values, which may be secrets.
func ignoredOptions(p msg.RecordParams) ([]msg.Warning, error) {
	names, err := ignored(p.Options)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	return []msg.Warning{{
		Code: msg.CodeSceneOptionsIgnored, Scene: p.Scene,
		Message: fmt.Sprintf("Scene %d was recorded without these options, which this version does not act on: %s.",
			p.Scene, strings.Join(names, ", ")),
	}}, nil
}

// ignored returns the options that are asked for and not acted on, sorted. A viewport's size sets the picture's, on_error is
// done, and so is what is the case anyway.
func ignored(o scene.Options) ([]string, error) {
	scaled := o.Viewport != nil && o.Viewport.DeviceScaleFactor != 0 && o.Viewport.DeviceScaleFactor != 1
	o.Viewport, o.OnError = nil, ""
	for _, option := range []struct {
		value  *string
		anyway string
	}{
		{&o.Capture, scene.CaptureExact}, {&o.Consent, scene.ConsentKeep},
		{&o.ColorScheme, "light"}, {&o.Locale, "en-US"},
	} {
		if *option.value == option.anyway {
			*option.value = ""
		}
	}
	data, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	var asked map[string]json.RawMessage // what is not asked for is left out
	if err := json.Unmarshal(data, &asked); err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	names := slices.Sorted(maps.Keys(asked))
	if scaled {
		names = append(names, "viewport.device_scale_factor")
	}
	return names, nil
}
