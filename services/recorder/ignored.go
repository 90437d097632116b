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

// ignored returns the options that are asked for and not acted on, sorted. What is the case anyway is done.
func ignored(o scene.Options) ([]string, error) {
	o = scene.Options{Capture: o.Capture, OnError: o.OnError}
	for _, option := range []struct {
		value  *string
		anyway string
	}{
		{&o.Capture, scene.CaptureExact}, {&o.OnError, scene.OnErrorFail},
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
	return slices.Sorted(maps.Keys(asked)), nil
}
