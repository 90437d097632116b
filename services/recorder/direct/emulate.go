package direct

import (
	"strings"

	"github.com/go-rod/rod/lib/proto"
)

// touches is how many fingers a phone feels.
const touches = 5

// emulate sets time zone, media features, phone, languages and user agent. The window itself comes
// with the browser.
func (s setup) emulate() error {
	o := s.params.Options
	timezone := o.Timezone
	if timezone == "" {
		timezone = "UTC" // wherever the recorder runs
	}
	if err := (proto.EmulationSetTimezoneOverride{TimezoneID: timezone}).Call(s.page); err != nil {
		if refused(err) {
			return refuse("timezone", "Chrome does not know this time zone")
		}
		return failed("set the time zone", err)
	}
	media := proto.EmulationSetEmulatedMedia{}
	if o.ColorScheme != "" {
		media.Features = append(media.Features, &proto.EmulationMediaFeature{Name: "prefers-color-scheme", Value: o.ColorScheme})
	}
	if o.ReducedMotion {
		media.Features = append(media.Features, &proto.EmulationMediaFeature{Name: "prefers-reduced-motion", Value: "reduce"})
	}
	if len(media.Features) > 0 {
		if err := media.Call(s.page); err != nil {
			return failed("set colour scheme and motion", err)
		}
	}
	if o.Mobile {
		if err := s.mobile(); err != nil {
			return err
		}
	}
	return s.speak()
}

// mobile gives the browser a phone's screen and touch.
func (s setup) mobile() error {
	window, fingers := s.params.Options.Window(s.params.Width, s.params.Height), touches
	orientation := &proto.EmulationScreenOrientation{Type: proto.EmulationScreenOrientationTypePortraitPrimary}
	if window.Width > window.Height {
		orientation = &proto.EmulationScreenOrientation{Type: proto.EmulationScreenOrientationTypeLandscapePrimary, Angle: 90}
	}
	err := proto.EmulationSetDeviceMetricsOverride{
		Width: window.Width, Height: window.Height, DeviceScaleFactor: window.Scale, Mobile: true,
		ScreenWidth: &window.Width, ScreenHeight: &window.Height, ScreenOrientation: orientation,
	}.Call(s.page)
	if err != nil {
		return failed("set a phone's screen", err)
	}
	if err := (proto.EmulationSetTouchEmulationEnabled{Enabled: true, MaxTouchPoints: &fingers}).Call(s.page); err != nil {
		return failed("set touch", err)
	}
	if err := feelFingers(s.page); err != nil {
		return failed("make touches of the mouse", err)
	}
	return nil
}

// speak sets the browser's languages and its name.
func (s setup) speak() error {
	o := s.params.Options
	if o.Locale == "" && o.UserAgent == "" {
		return nil
	}
	agent := agentOverride{EmulationSetUserAgentOverride: proto.EmulationSetUserAgentOverride{UserAgent: o.UserAgent}}
	if o.UserAgent != "" {
		agent.Platform, agent.Hints = platform(o.UserAgent)
	}
	if o.Locale != "" {
		if err := (proto.EmulationSetLocaleOverride{Locale: o.Locale}).Call(s.page); err != nil {
			if refused(err) {
				return refuse("locale", "Chrome does not know this language")
			}
			return failed("set the language", err)
		}
		agent.AcceptLanguage = languages(o.Locale)
	}
	if _, err := s.page.Call(s.page.GetContext(), string(s.page.SessionID), agent.ProtoReq(), agent); err != nil {
		return failed("set the browser's name and languages", err)
	}
	return nil
}

// languages returns a locale and its language, as Chrome makes a list of them: "de-AT,de".
func languages(locale string) string {
	base, _, more := strings.Cut(locale, "-")
	if !more || len(base) < 2 { // x-… and i-… are private tags, and name no language
		return locale
	}
	return locale + "," + strings.ToLower(base)
}
