package plan_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

func TestWhatCannotBeRenderedIsRefusedInWordsForAUser(t *testing.T) {
	one := scenes(5)
	url := func(u string) []plan.Scene { return []plan.Scene{{URL: &u, Seconds: ptr(5)}} }
	asked := func(options string) []plan.Scene {
		list := scenes(5, 5)
		list[1].Options = json.RawMessage(options)
		return list
	}
	many := func(n int, options string) []plan.Scene {
		list := scenes(slicesOf(n, 1)...)
		for i := range list {
			list[i].Options = json.RawMessage(options)
		}
		return list
	}
	size := func(w, h int) plan.Campaign {
		return plan.Campaign{Scenes: one, OutputWidth: &w, OutputHeight: &h}
	}
	for name, c := range map[string]struct {
		campaign plan.Campaign
		code     msg.Code
		message  string
	}{
		"no scenes": {plan.Campaign{}, msg.CodeNoScenes, "This campaign has no scenes. Add at least one scene."},
		"too many scenes": {plan.Campaign{Scenes: scenes(make([]int, 501)...)}, msg.CodeTooManyScenes,
			"This campaign has 501 scenes. The most that can be rendered is 500."},

		"a rate that is none": {plan.Campaign{Scenes: one, OutputRate: ptr("fast")}, msg.CodeOutputFPS,
			`The output frame rate of "fast" frames per second is not possible. Choose one between 1 and 120, for example 60 or 29.97.`},
		"a rate below 1": {plan.Campaign{Scenes: one, OutputRate: ptr("1/2")}, msg.CodeOutputFPS,
			`The output frame rate of "1/2" frames per second is not possible. Choose one between 1 and 120, for example 60 or 29.97.`},
		"a rate of a strange fraction": {plan.Campaign{Scenes: one, OutputRate: ptr("12345/1234")}, msg.CodeOutputFPS,
			`The output frame rate of "12345/1234" frames per second is not possible. Choose one between 1 and 120, for example 60 or 29.97.`},
		"unknown quality": {plan.Campaign{Scenes: one, OutputOptions: json.RawMessage(`{"quality": "best"}`)}, msg.CodeOutputOptions,
			"output_options.quality: this is none of draft, standard, high. How the picture is encoded: draft (fastest), standard, or high " +
				"(closest to the page). Example: quality: high"},
		"a watermark that is no URL": {plan.Campaign{Scenes: one, OutputOptions: json.RawMessage(`{"watermark": {"url": "logo.png"}}`)}, msg.CodeOutputOptions,
			"output_options.watermark.url: the watermark's address must start with http:// or https://."},
		"crossfade longer than a scene": {plan.Campaign{Scenes: scenes(1, 5), OutputOptions: json.RawMessage(`{"transition": {"kind": "crossfade", "seconds": 1}}`)},
			msg.CodeOutputOptions, "output_options.transition.seconds: scene 1 lasts 1 second, and a crossfade of 1 seconds would be all of it. " +
				"Make the scene longer, or the crossfade shorter."},
		"too many crossfades": {plan.Campaign{Scenes: scenes(slicesOf(301, 1)...), OutputOptions: json.RawMessage(`{"transition": {"kind": "crossfade"}}`)},
			msg.CodeTooManyScenes, "This campaign has 301 scenes. The most that can be crossfaded is 300."},

		"duration 0": {plan.Campaign{Scenes: scenes(5, 0)}, msg.CodeSceneDuration,
			"Scene 2 has a duration of 0 seconds. A scene must last between 1 second and 1 hour."},
		"duration negative": {plan.Campaign{Scenes: scenes(-3)}, msg.CodeSceneDuration,
			"Scene 1 has a duration of -3 seconds. A scene must last between 1 second and 1 hour."},
		"duration of 10 hours": {plan.Campaign{Scenes: scenes(36000)}, msg.CodeSceneDuration,
			"Scene 1 has a duration of 36000 seconds. A scene must last between 1 second and 1 hour."},
		"duration null": {plan.Campaign{Scenes: []plan.Scene{{URL: ptr("https://example.com")}}}, msg.CodeSceneDuration,
			"Scene 1 has no duration. A scene must last between 1 second and 1 hour."},
		"too long together": {plan.Campaign{Scenes: scenes(3600, 3600, 61)}, msg.CodeRenderTooLong,
			"The scenes last 2 hours 1 minute 1 second together. The longest video that can be rendered is 2 hours."},

		"URL null": {plan.Campaign{Scenes: []plan.Scene{{Seconds: ptr(5)}}}, msg.CodeSceneURL,
			"The address of scene 1 is missing. It must start with http:// or https://."},
		"URL blank": {plan.Campaign{Scenes: url("  ")}, msg.CodeSceneURL,
			"The address of scene 1 is missing. It must start with http:// or https://."},
		"URL of a file": {plan.Campaign{Scenes: url("file:///etc/passwd")}, msg.CodeSceneURL,
			"The address of scene 1 must start with http:// or https://."},
		"URL of a script": {plan.Campaign{Scenes: url("javascript:alert(1)")}, msg.CodeSceneURL,
			"The address of scene 1 must start with http:// or https://."},
		"URL without a scheme": {plan.Campaign{Scenes: url("www.example.com")}, msg.CodeSceneURL,
			"The address of scene 1 must start with http:// or https://."},
		"URL without a host": {plan.Campaign{Scenes: url("https:///page")}, msg.CodeSceneURL,
			"The address of scene 1 names no website. It should look like https://www.example.com/page."},
		"URL with a port alone": {plan.Campaign{Scenes: url("https://:443/page")}, msg.CodeSceneURL,
			"The address of scene 1 names no website. It should look like https://www.example.com/page."},
		"URL with a port too high": {plan.Campaign{Scenes: url("https://example.com:70000/")}, msg.CodeSceneURL,
			"The address of scene 1 has a port that does not exist."},
		"URL that is none": {plan.Campaign{Scenes: url("https://exa mple.com/")}, msg.CodeSceneURL,
			"The address of scene 1 is not a valid web address. It should look like https://www.example.com/page."},
		"URL with a password": {plan.Campaign{Scenes: url("https://bob:hunter2@example.com/")}, msg.CodeSceneURL,
			"The address of scene 1 must not contain a user name or a password."},
		"URL too long": {plan.Campaign{Scenes: url("https://example.com/" + strings.Repeat("x", 2048))}, msg.CodeSceneURL,
			"The address of scene 1 is too long: it may have at most 2048 characters."},
		"facecam that is no URL": {plan.Campaign{Scenes: one, FacecamURL: ptr("face.mp4")}, msg.CodeFacecamURL,
			"The facecam's address must start with http:// or https://."},

		"options that are no object": {plan.Campaign{Scenes: asked(`[]`)}, msg.CodeSceneOptions,
			"Scene 2: options: this is a list, not a group of fields. What is asked of one scene beyond its page and its seconds: a group of fields."},
		"an option that is none": {plan.Campaign{Scenes: asked(`{"scroll": {"to": "end", "easing": "bounce"}}`)}, msg.CodeSceneOptions,
			"Scene 2: options.scroll.easing: this is none of linear, ease-in, ease-out, ease-in-out. How the pace changes on the way: " +
				"linear, ease-in, ease-out or ease-in-out, as CSS has them. Example: easing: ease-in-out"},
		"an action after the end": {plan.Campaign{Scenes: asked(`{"actions": [{"do": "press", "key": "a", "at": 5}]}`)}, msg.CodeSceneOptions,
			"Scene 2: options.actions[0].at: it is not within the scene, which lasts 5 seconds."},
		"a cookie of another site": {plan.Campaign{Scenes: asked(`{"cookies": [{"name": "a", "value": "hunter2", "domain": "hunter2.test"}]}`)}, msg.CodeSceneOptions,
			"Scene 2: options.cookies[0].domain: this is not the domain of the scene's page, nor one above it: browsers do not take such " +
				"a cookie. Leave it out for the page's own host, or write the host's domain."},
		"several wrong options": {plan.Campaign{Scenes: asked(`{"timezone": "hunter2", "headers": {"Host": "hunter2"}}`)}, msg.CodeSceneOptions,
			"Scene 2: options.headers.Host: this header is the browser's own and cannot be set."},
		"options too large together": {plan.Campaign{Scenes: many(40, `{"css": "`+strings.Repeat("x", 60<<10)+`", "js": "`+
			strings.Repeat("x", 60<<10)+`", "user_agent": "x", "wait_for": {"promise": "`+strings.Repeat("x", 8<<10)+`"}`+
			strings.Repeat(" ", 100<<10)+`}`)}, msg.CodeSceneOptions,
			"The options of all scenes together are too large: at most 8 MiB are possible."},
		"a wrong address before options too large together": {plan.Campaign{Scenes: []plan.Scene{
			{URL: ptr("ftp://example.com"), Seconds: ptr(5), Options: json.RawMessage(strings.Repeat(" ", 9<<20))}}}, msg.CodeSceneURL,
			"The address of scene 1 must start with http:// or https://."},

		"a bubble's shape that is none": {plan.Campaign{Scenes: one, FacecamOptions: json.RawMessage(`{"shape": "star"}`)}, msg.CodeFacecamOptions,
			"facecam_options.shape: this is none of circle, rounded, rectangle. The bubble's shape: circle, rounded (a rectangle with round " +
				"corners) or rectangle. Example: shape: rounded"},
		"a bubble that leaves the picture": {plan.Campaign{Scenes: one, FacecamOptions: json.RawMessage(`{"size": 0.9, "margin": 0.2}`)}, msg.CodeFacecamOptions,
			"facecam_options.margin: the bubble of 972 × 972 pixels leaves the picture of 1920 × 1080. Choose a smaller margin or size."},
		"a moment after the end": {plan.Campaign{Scenes: one, FacecamOptions: json.RawMessage(`{"fullscreen": [{"at": 4, "seconds": 2}]}`)},
			msg.CodeFacecamOptions, "facecam_options.fullscreen[0].seconds: the moment is not within the video, which lasts 5 seconds."},

		"width odd": {size(1921, 1080), msg.CodeOutputSize,
			"The output size 1921×1080 is not possible, because width and height must be even numbers. Choose for example 1920×1080."},
		"height odd": {size(1920, 1081), msg.CodeOutputSize,
			"The output size 1920×1081 is not possible, because width and height must be even numbers. Choose for example 1920×1080."},
		"width 0": {size(0, 1080), msg.CodeOutputSize,
			"The output size 0×1080 is not possible. Choose one between 16×16 and 3840×2160 pixels, for example 1920×1080."},
		"height negative": {size(1920, -2), msg.CodeOutputSize,
			"The output size 1920×-2 is not possible. Choose one between 16×16 and 3840×2160 pixels, for example 1920×1080."},
		"size absurd": {size(100000, 100000), msg.CodeOutputSize,
			"The output size 100000×100000 is not possible. Choose one between 16×16 and 3840×2160 pixels, for example 1920×1080."},
		"square too large": {size(3840, 3840), msg.CodeOutputSize,
			"The output size 3840×3840 is not possible. Choose one between 16×16 and 3840×2160 pixels, for example 1920×1080."},
		"fps 0": {plan.Campaign{Scenes: one, OutputFPS: ptr(0)}, msg.CodeOutputFPS,
			"The output frame rate of 0 frames per second is not possible. Choose one between 1 and 120, for example 60 or 29.97."},
		"fps absurd": {plan.Campaign{Scenes: one, OutputFPS: ptr(1000)}, msg.CodeOutputFPS,
			"The output frame rate of 1000 frames per second is not possible. Choose one between 1 and 120, for example 60 or 29.97."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := plan.Read(c.campaign, limits)
			if err == nil {
				t.Fatal("it is accepted")
			}
			if err.Code != c.code || err.Message != c.message {
				t.Errorf("got %s: %s", err.Code, err.Message)
			}
			if strings.Contains(err.Message, "hunter2") {
				t.Error("the message tells a password")
			}
		})
	}
}

func TestWhatIsAtTheEdgeIsAccepted(t *testing.T) {
	for name, c := range map[string]plan.Campaign{
		"nulls":                      {Scenes: scenes(1)},
		"largest":                    {Scenes: scenes(1), OutputWidth: ptr(3840), OutputHeight: ptr(2160), OutputFPS: ptr(120)},
		"portrait":                   {Scenes: scenes(1), OutputWidth: ptr(2160), OutputHeight: ptr(3840), OutputFPS: ptr(1)},
		"smallest":                   {Scenes: scenes(1), OutputWidth: ptr(16), OutputHeight: ptr(16)},
		"longest":                    {Scenes: scenes(3600, 3600)},
		"most scenes":                {Scenes: scenes(slicesOf(500, 1)...)},
		"empty facecam":              {Scenes: scenes(1), FacecamURL: ptr("")},
		"address pasted with spaces": {Scenes: []plan.Scene{{URL: ptr(" http://127.0.0.1:8080/a?b=c#d \n"), Seconds: ptr(1)}}},
		"IPv6":                       {Scenes: []plan.Scene{{URL: ptr("http://[::1]:8080/"), Seconds: ptr(1)}}},
		"other letters":              {Scenes: []plan.Scene{{URL: ptr("https://bücher.example/straße"), Seconds: ptr(1)}}},
		"upper case":                 {Scenes: []plan.Scene{{URL: ptr("HTTPS://EXAMPLE.COM"), Seconds: ptr(1)}}},
	} {
		if _, err := plan.Read(c, limits); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimitsAreTheOperators(t *testing.T) {
	strict := plan.Limits{Scene: 10 * time.Second, Render: 15 * time.Second}
	if _, err := plan.Read(plan.Campaign{Scenes: scenes(11)}, strict); err == nil || err.Code != msg.CodeSceneDuration ||
		!strings.HasSuffix(err.Message, "1 second and 10 seconds.") {
		t.Errorf("11 seconds: %v", err)
	}
	if _, err := plan.Read(plan.Campaign{Scenes: scenes(8, 8)}, strict); err == nil || err.Code != msg.CodeRenderTooLong {
		t.Errorf("16 seconds together: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("https://example.com", 5, 1920, 1080, 60)
	f.Add("file://x", -1, 0, 7, 1<<40)
	f.Fuzz(func(t *testing.T, url string, seconds, width, height, fps int) {
		c := plan.Campaign{Scenes: []plan.Scene{{URL: &url, Seconds: &seconds}}, FacecamURL: &url, OutputWidth: &width,
			OutputHeight: &height, OutputFPS: &fps}
		render, err := plan.Read(c, limits)
		if err != nil {
			if err.Code == "" || err.Message == "" {
				t.Errorf("refused without a reason: %+v", err)
			}
			return
		}
		checkGraph(t, plan.Build(render, 0, counter()), seconds*fps, 0)
	})
}

func slicesOf(n, value int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = value
	}
	return list
}
