package plan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Bounds that no setting changes.
const (
	// MaxScenes is how many scenes a campaign may have.
	MaxScenes = 500
	// maxCrossfaded is how many it may have with a transition between any two, each of which is a
	// segment.
	maxCrossfaded = 300
	// MinSize is the smallest width and height in pixels; MaxLong and MaxShort the largest, of the
	// longer and the shorter.
	MinSize  = 16
	MaxLong  = 3840
	MaxShort = 2160
	// MaxFPS is the highest frame rate.
	MaxFPS = 120
	// maxDenominator is the largest of a frame rate in lowest terms: television's.
	maxDenominator = 1001
	// MaxOptions is how many bytes the options of all scenes may have together, as JSON: plans are
	// written at once.
	MaxOptions = 8 << 20
)

// Limits are the bounds that an operator sets.
type Limits struct {
	// Scene is the longest that one scene may last.
	Scene time.Duration
	// Render is the longest that all scenes together may last.
	Render time.Duration
}

// Invalid says why a campaign cannot be rendered.
type Invalid struct {
	Code msg.Code
	// Message is for the product's user: what is wrong, and what would be right.
	Message string
}

func (e *Invalid) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// Missing is why a render whose campaign is gone cannot be made.
func Missing() *Invalid {
	return &Invalid{Code: msg.CodeCampaignMissing, Message: "The campaign of this render does not exist any more."}
}

// Mistyped is why a campaign cannot be rendered whose column holds a number that is no whole one;
// nil for other columns. field is the path of json.UnmarshalTypeError.
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

// Validate reports the first thing that keeps c from being rendered; nil when nothing does.
func Validate(c Campaign, limits Limits) *Invalid {
	if err := validateOutput(c); err != nil {
		return err
	}
	switch {
	case len(c.Scenes) == 0:
		return invalid(msg.CodeNoScenes, "This campaign has no scenes. Add at least one scene.")
	case len(c.Scenes) > MaxScenes:
		return invalid(msg.CodeTooManyScenes, "This campaign has %d scenes. The most that can be rendered is %d.",
			len(c.Scenes), MaxScenes)
	}
	if err := validateScenes(c.Scenes, limits); err != nil {
		return err
	}
	if err := validateTransitions(c); err != nil {
		return err
	}
	if facecam := c.facecam(); facecam != "" {
		if problem := urlProblem(facecam); problem != "" {
			return invalid(msg.CodeFacecamURL, "The facecam's address %s.", problem)
		}
	}
	return validateFacecam(c)
}

// validateFacecam tells the first thing that is wrong with how the facecam is to be shown.
func validateFacecam(c Campaign) *Invalid {
	o, err := c.shown()
	if err == nil {
		err = o.Check(c.width(), c.height(), c.duration())
	}
	var wrong *schema.Error
	switch {
	case errors.As(err, &wrong):
		return invalid(msg.CodeFacecamOptions, "%s", sentence(wrong.First()))
	case err != nil:
		return unprepared()
	}
	return nil
}

func validateOutput(c Campaign) *Invalid {
	w, h := c.width(), c.height()
	switch {
	case min(w, h) < MinSize || max(w, h) > MaxLong || min(w, h) > MaxShort:
		return invalid(msg.CodeOutputSize, "The output size %d×%d is not possible. "+
			"Choose one between %d×%[3]d and %d×%d pixels, for example 1920×1080.", w, h, MinSize, MaxLong, MaxShort)
	case w%2 != 0 || h%2 != 0:
		return invalid(msg.CodeOutputSize, "The output size %d×%d is not possible, because width and height must be even "+
			"numbers. Choose for example %d×%d.", w, h, w-w%2, h-h%2)
	}
	if _, err := c.rate(); err != nil {
		text := strconv.Itoa(or(c.OutputFPS, defaultFPS))
		if c.OutputRate != nil && trimmed(*c.OutputRate) != "" {
			text = strconv.Quote(trimmed(*c.OutputRate))
		}
		return invalid(msg.CodeOutputFPS, "The output frame rate of %s frames per second is not possible. "+
			"Choose one between 1 and %d, for example 60 or 29.97.", text, MaxFPS)
	}
	var wrong *schema.Error
	options, err := c.options()
	switch {
	case errors.As(err, &wrong):
		return invalid(msg.CodeOutputOptions, "%s", sentence(wrong.First()))
	case err != nil:
		return unprepared()
	}
	if options.Watermark != nil {
		if problem := urlProblem(trimmed(options.Watermark.URL)); problem != "" {
			return invalid(msg.CodeOutputOptions, "output_options.watermark.url: the watermark's address %s.", problem)
		}
	}
	return nil
}

// ParseRate reads a frame rate as msg.ParseRate does. One that no video can have is an error.
func ParseRate(text string) (msg.Rate, error) {
	rate, err := msg.ParseRate(text)
	if err != nil {
		return msg.Rate{}, err
	}
	if err := checkRate(rate); err != nil {
		return msg.Rate{}, fmt.Errorf("%q %w", text, err)
	}
	return rate, nil
}

// checkRate says why no video can have a frame rate; nil when one can.
func checkRate(rate msg.Rate) error {
	if rate.Num < rate.Den || rate.Num > MaxFPS*rate.Den || rate.Den > maxDenominator {
		return fmt.Errorf("is not possible: write a rate from 1 to %d, as a fraction with a denominator of at most %d, "+
			"such as 60, 29.97 or 30000/1001", MaxFPS, maxDenominator)
	}
	return nil
}

func validateScenes(scenes []Scene, limits Limits) *Invalid {
	longest := int(limits.Scene / time.Second)
	var total time.Duration
	options := 0
	for i, s := range scenes {
		if problem := urlProblem(s.url()); problem != "" {
			return invalid(msg.CodeSceneURL, "The address of scene %d %s.", i+1, problem)
		}
		if s.Seconds == nil {
			return invalid(msg.CodeSceneDuration, "Scene %d has no duration. A scene must last between 1 second and %s.",
				i+1, spoken(limits.Scene))
		}
		if s.seconds() < 1 || s.seconds() > longest {
			return invalid(msg.CodeSceneDuration, "Scene %d has a duration of %d seconds. "+
				"A scene must last between 1 second and %s.", i+1, s.seconds(), spoken(limits.Scene))
		}
		total += s.duration()
		if options += len(s.Options); options > MaxOptions {
			return invalid(msg.CodeSceneOptions, "The options of all scenes together are too large: at most %d MiB are possible.", MaxOptions>>20)
		}
		if err := validateOptions(i, s); err != nil {
			return err
		}
	}
	if total > limits.Render {
		return invalid(msg.CodeRenderTooLong, "The scenes last %s together. The longest video that can be rendered is %s.",
			spoken(total), spoken(limits.Render))
	}
	return nil
}

// validateTransitions makes sure that something of each scene is shown alone.
func validateTransitions(c Campaign) *Invalid {
	rate, _ := c.rate()
	options, _ := c.options()
	crossfade := rate.Frames(options.Crossfade())
	if crossfade > 0 && len(c.Scenes) > maxCrossfaded {
		return invalid(msg.CodeTooManyScenes, "This campaign has %d scenes. The most that can be crossfaded is %d.", len(c.Scenes), maxCrossfaded)
	}
	for i, s := range c.Scenes[:len(c.Scenes)-1] {
		if frames := rate.Frames(s.duration()); crossfade >= frames {
			return invalid(msg.CodeOutputOptions, "output_options.transition.seconds: scene %d lasts %s, and a crossfade of %g seconds would be all of it. "+
				"Make the scene longer, or the crossfade shorter.", i+1, spoken(s.duration()), options.Crossfade().Seconds())
		}
	}
	return nil
}

// validateOptions tells the first thing that is wrong with what is asked of the scene at place i,
// from 0.
func validateOptions(i int, s Scene) *Invalid {
	o, err := s.options()
	if err == nil {
		err = o.CheckPage(s.url())
	}
	var wrong *schema.Error
	switch {
	case errors.As(err, &wrong):
		return invalid(msg.CodeSceneOptions, "Scene %d: %s", i+1, sentence(wrong.First()))
	case err != nil:
		return unprepared()
	}
	return nil
}

func unprepared() *Invalid {
	return invalid(msg.CodeInternal, "This render could not be prepared because of an error on our side.")
}

// sentence ends a text with a full stop, unless it ends with an example, which may be copied.
func sentence(text string) string {
	if strings.Contains(text, " Example: ") || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

func invalid(code msg.Code, format string, args ...any) *Invalid {
	return &Invalid{Code: code, Message: fmt.Sprintf(format, args...)}
}

// spoken says a duration in whole seconds as people do: "1 hour 30 minutes".
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
