package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Invalid says why a campaign cannot be rendered.
type Invalid struct {
	Code msg.Code
	// Message is for the product's user: what is wrong, and what would be right.
	Message string
	// Problems are all that Read found, this one first, by their places in the campaign: for those
	// who have it as a text. Locations are made of the names of columns: scenes, 0, options,
	// scroll.
	Problems []schema.Problem
}

func (e *Invalid) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// Missing is why a render whose campaign is gone cannot be made.
func Missing() *Invalid {
	return invalid(msg.CodeCampaignMissing, "The campaign of this render does not exist any more.")
}

// Mistyped is why a campaign with a fraction in an integer column cannot be rendered; nil for other
// columns. field is the path of json.UnmarshalTypeError.
func Mistyped(field string) *Invalid {
	switch field {
	case "scenes.duration_sec":
		return invalid(msg.CodeSceneDuration, "A scene must last a whole number of seconds.")
	case "output_width", "output_height":
		return invalid(msg.CodeOutputSize, "Width and height of the output must be whole numbers of pixels.")
	case "output_fps":
		return invalid(msg.CodeOutputFPS, "The output frame rate must be a whole number of frames per second.")
	}
	return nil
}

func invalid(code msg.Code, format string, args ...any) *Invalid {
	return &Invalid{Code: code, Message: fmt.Sprintf(format, args...)}
}

// sentence ends a text with a full stop, unless it ends with an example, which may be copied.
func sentence(text string) string {
	if strings.Contains(text, " Example: ") || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// spoken writes a duration in whole seconds as people say it: "1 hour 30 minutes".
func spoken(d time.Duration) string {
	s := int(d / time.Second)
	var text string
	for _, unit := range []struct {
		seconds int
		name    string
	}{{3600, "hour"}, {60, "minute"}, {1, "second"}} {
		n := s / unit.seconds
		s %= unit.seconds
		if n == 0 {
			continue
		}
		if text != "" {
			text += " "
		}
		text += fmt.Sprintf("%d %s", n, unit.name)
		if n != 1 {
			text += "s"
		}
	}
	if text == "" {
		return "0 seconds"
	}
	return text
}
