package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/options"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Limits are the bounds that an operator sets.
type Limits struct {
	// Scene is the longest that one scene may last.
	Scene time.Duration
	// Render is the longest that all scenes together may last.
	Render time.Duration
}

// Bounds of every video. Those that come from the size of a message are in package budget.
const (
	// MinSize is the smallest width and height in pixels; MaxLong and MaxShort are the largest, of
	// the longer and the shorter side.
	MinSize  = 16
	MaxLong  = 3840
	MaxShort = 2160
	// MaxFPS is the highest frame rate.
	MaxFPS = 120
	// maxDenominator is the largest of a frame rate in lowest terms: television's.
	maxDenominator = 1001
	// maxOptions is how many bytes the options of all scenes may have together, as JSON: Postgres
	// takes a plan in one statement.
	maxOptions = 8 << 20
)

// Read checks a campaign and returns what its video is made from, or why it cannot be rendered. It
// is the only place where a campaign is read: Build takes what it returns.
func Read(c Campaign, limits Limits) (*Render, *Invalid) {
	r := &reader{campaign: c, limits: limits}
	if r.variables(); r.invalid != nil {
		return nil, r.invalid
	}
	r.size()
	r.frameRate()
	r.output()
	r.scenes()
	r.timeline()
	shown := r.facecam()
	if r.invalid != nil {
		return nil, r.invalid
	}
	if r.render.Facecam != "" {
		r.render.Bubble = facecam.BubbleOf(shown, r.render.Width, r.render.Height, r.render.Rate, r.render.frames())
	}
	return &r.render, nil
}

// reader is a campaign that is being read.
type reader struct {
	campaign Campaign
	limits   Limits
	render   Render
	// shown are the addresses of scenes as they may be shown, if variables were filled in.
	shown []string
	// optionBytes is the size of the options of the scenes so far.
	optionBytes int
	// invalid is nil as long as nothing is wrong.
	invalid *Invalid
}

// refuse reports a problem. The first one is what the user reads.
func (r *reader) refuse(found *Invalid, problems ...schema.Problem) {
	if r.invalid == nil {
		r.invalid = found
	}
	r.invalid.Problems = append(r.invalid.Problems, problems...)
}

// refuseOptions reports what err says is wrong with the options at a place in the campaign. The
// message for the user begins with before.
func (r *reader) refuseOptions(code msg.Code, before string, err error, at ...string) {
	var wrong *schema.Error
	if !errors.As(err, &wrong) {
		r.refuse(invalid(msg.CodeInternal, "This render could not be prepared because of an error on our side."),
			problem(err.Error(), at...))
		return
	}
	var problems []schema.Problem
	for _, p := range wrong.Problems {
		problems = append(problems, problem(p.Text, slices.Concat(at, p.Location)...))
	}
	r.refuse(invalid(code, "%s%s", before, sentence(wrong.First())), problems...)
}

func problem(text string, location ...string) schema.Problem {
	return schema.Problem{Location: location, Text: text}
}

func (r *reader) size() {
	w, h := or(r.campaign.OutputWidth, defaultWidth), or(r.campaign.OutputHeight, defaultHeight)
	r.render.Width, r.render.Height = w, h
	var found *Invalid
	switch {
	case min(w, h) < MinSize || max(w, h) > MaxLong || min(w, h) > MaxShort:
		found = invalid(msg.CodeOutputSize, "The output size %d×%d is not possible. "+
			"Choose one between %d×%[3]d and %d×%d pixels, for example 1920×1080.", w, h, MinSize, MaxLong, MaxShort)
	case w%2 != 0 || h%2 != 0:
		found = invalid(msg.CodeOutputSize, "The output size %d×%d is not possible, because width and height must be even "+
			"numbers. Choose for example %d×%d.", w, h, w-w%2, h-h%2)
	default:
		return
	}
	r.refuse(found, problem(found.Message, "output_width"))
}

func (r *reader) frameRate() {
	text, column := trimmed(or(r.campaign.OutputRate, "")), "output_rate"
	said := strconv.Quote(text)
	if text == "" {
		text, column = strconv.Itoa(or(r.campaign.OutputFPS, defaultFPS)), "output_fps"
		said = text
	}
	var err error
	if r.render.Rate, err = parseRate(text); err != nil {
		r.refuse(invalid(msg.CodeOutputFPS, "The output frame rate of %s frames per second is not possible. "+
			"Choose one between 1 and %d, for example 60 or 29.97.", said, MaxFPS), problem(err.Error(), column))
	}
}

// parseRate reads a frame rate as msg.ParseRate does. One that no video can have is an error.
func parseRate(text string) (msg.Rate, error) {
	rate, err := msg.ParseRate(text)
	if err != nil {
		return msg.Rate{}, err
	}
	if rate.Num < rate.Den || rate.Num > MaxFPS*rate.Den || rate.Den > maxDenominator {
		return msg.Rate{}, fmt.Errorf("%q is not possible: write a rate from 1 to %d, as a fraction with a denominator of at most %d, "+
			"such as 60, 29.97 or 30000/1001", text, MaxFPS, maxDenominator)
	}
	return rate, nil
}

func (r *reader) output() {
	asked, err := options.ParseOutput(r.campaign.OutputOptions)
	if err == nil {
		r.render.Captions, err = options.Cues(asked.Captions)
	}
	if err != nil {
		r.refuseOptions(msg.CodeOutputOptions, "", err, "output_options")
		return
	}
	if asked.Watermark != nil {
		mark := *asked.Watermark
		mark.URL = trimmed(mark.URL)
		asked.Watermark = &mark
		if wrong := urlProblem(mark.URL); wrong != "" {
			r.refuse(invalid(msg.CodeOutputOptions, "output_options.watermark.url: the watermark's address %s.", wrong),
				problem("the watermark's address "+wrong, "output_options", "watermark", "url"))
		}
	}
	if field, wrong := fallbackProblem(asked.Fallback); wrong != "" {
		r.refuse(invalid(msg.CodeOutputOptions, "output_options.fallback.%s: the address %s.", field, wrong),
			problem("the address "+wrong, "output_options", "fallback", field))
	}
	r.render.Output = asked
}

// fallbackProblem returns which address of a fallback is wrong, and why.
func fallbackProblem(f *scene.Fallback) (field, wrong string) {
	if f == nil {
		return "", ""
	}
	for field, address := range map[string]string{"url": f.URL, "image": f.Image} {
		if wrong := urlProblem(address); address != "" && wrong != "" {
			return field, wrong
		}
	}
	return "", ""
}

func (r *reader) scenes() {
	list := r.campaign.Scenes
	var found *Invalid
	switch {
	case len(list) == 0:
		found = invalid(msg.CodeNoScenes, "This campaign has no scenes. Add at least one scene.")
	case len(list) > budget.Scenes:
		found = invalid(msg.CodeTooManyScenes, "This campaign has %d scenes. The most that can be rendered is %d.",
			len(list), budget.Scenes)
	}
	if found != nil {
		r.refuse(found, problem(found.Message, "scenes"))
		return
	}
	for i, s := range list {
		if r.scene(i, s); r.optionBytes > maxOptions {
			return
		}
	}
	if total := r.campaign.duration(); total > r.limits.Render {
		found := invalid(msg.CodeRenderTooLong, "The scenes last %s together. The longest video that can be rendered is %s.",
			spoken(total), spoken(r.limits.Render))
		r.refuse(found, problem(found.Message, "scenes"))
	}
}

// scene reads the scene at place i, from 0.
func (r *reader) scene(i int, s Scene) {
	at := func(field string) []string { return []string{"scenes", strconv.Itoa(i), field} }
	address := trimmed(or(s.URL, ""))
	own := hasHTML(s.Options)
	switch wrong := urlProblem(address); {
	case own && address != "":
		r.refuse(invalid(msg.CodeSceneURL, "Scene %d has an address and html. Leave one of them out.", i+1),
			problem("there is html, too: leave one of them out", at("url")...))
		return
	case own:
		address = msg.InlineURL
	case wrong != "":
		r.refuse(invalid(msg.CodeSceneURL, "The address of scene %d %s.", i+1, wrong), problem("the address "+wrong, at("url")...))
		return
	}
	if found := r.checkDuration(i, s); found != nil {
		r.refuse(found, problem(found.Message, at("duration_sec")...))
		return
	}
	if r.optionBytes += len(s.Options); r.optionBytes > maxOptions {
		found := invalid(msg.CodeSceneOptions, "The options of all scenes together are too large: at most %d MiB are possible.",
			maxOptions>>20)
		r.refuse(found, problem(found.Message, "scenes"))
		return
	}
	asked, err := options.ParseScene(s.Options, s.duration())
	if err == nil {
		err = options.CheckPage(asked, address)
	}
	if err != nil {
		r.refuseOptions(msg.CodeSceneOptions, fmt.Sprintf("Scene %d: ", i+1), err, at("options")...)
		return
	}
	if own && asked.Image != nil {
		r.refuse(invalid(msg.CodeSceneOptions, "Scene %d: options.image is for a picture at an address, and the scene has html.", i+1),
			problem("the scene has html, too: leave one of them out", at("options")...))
		return
	}
	if asked.Fallback == nil {
		asked.Fallback = r.render.Output.Fallback
	} else if field, wrong := fallbackProblem(asked.Fallback); wrong != "" {
		r.refuse(invalid(msg.CodeSceneOptions, "Scene %d: options.fallback.%s: the address %s.", i+1, field, wrong),
			problem("the address "+wrong, append(at("options"), "fallback", field)...))
		return
	}
	found := RenderScene{URL: address, Options: asked}
	if r.shown != nil {
		found.Shown = r.shown[i]
	}
	r.render.Scenes = append(r.render.Scenes, found)
}

// hasHTML reports whether a scene's options have its page.
func hasHTML(options json.RawMessage) bool {
	var own struct {
		HTML string `json:"html"`
	}
	return json.Unmarshal(options, &own) == nil && own.HTML != ""
}

// checkDuration reports what is wrong with the duration of the scene at place i.
func (r *reader) checkDuration(i int, s Scene) *Invalid {
	switch {
	case s.Seconds == nil:
		return invalid(msg.CodeSceneDuration, "Scene %d has no duration. A scene must last between 1 second and %s.",
			i+1, spoken(r.limits.Scene))
	case *s.Seconds < 1 || *s.Seconds > int(r.limits.Scene/time.Second):
		return invalid(msg.CodeSceneDuration, "Scene %d has a duration of %d seconds. "+
			"A scene must last between 1 second and %s.", i+1, *s.Seconds, spoken(r.limits.Scene))
	}
	return nil
}

// timeline counts the frames of scenes and transitions, and makes sure that a part of each scene is
// shown alone. It needs what was read before it.
func (r *reader) timeline() {
	if r.invalid != nil {
		return
	}
	scenes, rate := r.render.Scenes, r.render.Rate
	for i := range scenes {
		scenes[i].Frames = rate.Frames(r.campaign.Scenes[i].duration())
	}
	length := r.render.Output.Crossfade()
	crossfade := rate.Frames(length)
	r.render.Crossfade = crossfade
	if crossfade > 0 && len(scenes) > budget.Crossfaded {
		found := invalid(msg.CodeTooManyScenes, "This campaign has %d scenes. The most that can be crossfaded is %d.",
			len(scenes), budget.Crossfaded)
		r.refuse(found, problem(found.Message, "scenes"))
		return
	}
	for i, s := range scenes[:len(scenes)-1] {
		if crossfade < s.Frames {
			continue
		}
		text := fmt.Sprintf("scene %d lasts %s, and a crossfade of %g seconds would be all of it. "+
			"Make the scene longer, or the crossfade shorter.", i+1, spoken(r.campaign.Scenes[i].duration()), length.Seconds())
		r.refuse(invalid(msg.CodeOutputOptions, "output_options.transition.seconds: %s", text),
			problem(strings.TrimSuffix(text, "."), "output_options", "transition", "seconds"))
		return
	}
}

// facecam returns how the facecam is shown.
func (r *reader) facecam() facecam.Options {
	if address := trimmed(or(r.campaign.FacecamURL, "")); address != "" {
		r.render.Facecam = address
		if wrong := urlProblem(address); wrong != "" {
			r.refuse(invalid(msg.CodeFacecamURL, "The facecam's address %s.", wrong), problem("the facecam's address "+wrong, "facecam_url"))
		}
	}
	asked, err := options.ParseFacecam(r.campaign.FacecamOptions)
	if err == nil {
		err = options.CheckFacecam(asked, r.render.Width, r.render.Height, r.campaign.duration())
	}
	if err != nil {
		r.refuseOptions(msg.CodeFacecamOptions, "", err, "facecam_options")
	}
	return asked
}
