package scene

import (
	"cmp"
	"slices"
	"time"
)

// Options are the options of one scene. The zero value records the page unchanged, in the size of
// the video.
//
// Headers, Cookies, BasicAuth and the text that actions type may be secrets: they reach the
// recorder in a grant, and no log, message, error or failure bundle.
type Options struct {
	// Capture is how the page's time passes: CaptureExact (default) or CaptureRealtime.
	Capture string `json:"capture,omitempty"`
	// Repeatable makes every recording of an unchanged page the same, byte for byte: random numbers
	// are seeded and the page's calendar starts on 1 January 2026 at noon (UTC).
	Repeatable bool `json:"repeatable,omitempty"`

	// HTML is a page that is shown in place of one at an address: a title card. It may load what
	// pages may.
	HTML string `json:"html,omitempty"`
	// Image says that the scene's URL is a picture's, and how it is shown; nil: it is a page's.
	Image *Image `json:"image,omitempty"`
	// Fallback is shown if the page cannot be; nil: the scene fails then. Default: the video's.
	Fallback *Fallback `json:"fallback,omitempty"`

	// Viewport is the window that the page is laid out in. Default: the video's size.
	Viewport *Viewport `json:"viewport,omitempty"`
	// Mobile makes the browser a phone's: touch in place of a mouse, the mobile viewport meta tag,
	// a screen of the viewport's size.
	Mobile bool `json:"mobile,omitempty"`
	// ColorScheme is "light" (default) or "dark".
	ColorScheme string `json:"color_scheme,omitempty"`
	// ReducedMotion asks the page for less movement (prefers-reduced-motion).
	ReducedMotion bool `json:"reduced_motion,omitempty"`
	// Locale is a BCP 47 tag such as "de-DE". Default: en-US.
	Locale string `json:"locale,omitempty"`
	// Timezone is an IANA name such as "Europe/Berlin". Default: UTC.
	Timezone string `json:"timezone,omitempty"`
	// UserAgent replaces the browser's; navigator.platform and client hints follow it.
	UserAgent string `json:"user_agent,omitempty"`
	// Headers go with every request to the origin of the scene's URL, and to no other.
	Headers map[string]string `json:"headers,omitempty"`
	// Cookies are set before the page is requested.
	Cookies []Cookie `json:"cookies,omitempty"`
	// BasicAuth answers the origin of the scene's URL, and no other, when it asks for a user and a
	// password.
	BasicAuth *BasicAuth `json:"basic_auth,omitempty"`

	// WaitFor is what must have happened before frame 0, beyond the page's load.
	WaitFor *WaitFor `json:"wait_for,omitempty"`
	// Prescroll scrolls through the page and back before frame 0, so that what loads when seen is
	// there.
	Prescroll bool `json:"prescroll,omitempty"`
	// Consent is "keep" (default) or "dismiss": refuse, and close, the banners that ask for consent
	// before frame 0.
	Consent string `json:"consent,omitempty"`
	// Hide makes what these CSS selectors find invisible, Remove takes it out of the layout, both
	// from the page's beginning.
	Hide   []string `json:"hide,omitempty"`
	Remove []string `json:"remove,omitempty"`
	// CSS is added to the page from its beginning. JS runs in it once, when it has loaded, before
	// frame 0.
	CSS string `json:"css,omitempty"`
	JS  string `json:"js,omitempty"`

	// Scroll moves the page while it is recorded.
	Scroll *Scroll `json:"scroll,omitempty"`
	// Actions happen while it is recorded, each at its time.
	Actions []Action `json:"actions,omitempty"`
	// Cursor draws a mouse pointer where clicks and hovers have it, and a ring where it clicks;
	// with Mobile, a ring where a finger taps.
	Cursor bool `json:"cursor,omitempty"`

	// OnError is what to do when the page stops working while it is recorded: "fail" (default), or
	// "last_picture": go on with the last good picture, and a warning on the render.
	OnError string `json:"on_error,omitempty"`
	// Strict are the codes of warnings that fail the scene, at once: "page_incomplete",
	// "page_unchanged_blank", "fonts_missing", "scene_scroll_short".
	Strict []string `json:"strict,omitempty"`

	// Cache is how old a recording of the same page may be that is used in place of a new one, as
	// options.CacheAge reads it. Default: the video's.
	Cache string `json:"cache,omitempty"`
}

// Secret reports whether the options hold what may be a secret. A recording made with it is used
// for no other render.
func (o Options) Secret() bool {
	return len(o.Headers) > 0 || len(o.Cookies) > 0 || o.BasicAuth != nil ||
		slices.ContainsFunc(o.Actions, func(a Action) bool { return a.Text != "" })
}

// Values of the options that are one of a few words.
const (
	CaptureExact    = "exact"
	CaptureRealtime = "realtime"

	ConsentKeep    = "keep"
	ConsentDismiss = "dismiss"

	AxisX = "x"
	AxisY = "y"

	OnErrorFail        = "fail"
	OnErrorLastPicture = "last_picture"
)

// Viewport is a window's size.
type Viewport struct {
	// Width and Height in CSS pixels.
	Width  int `json:"width"`
	Height int `json:"height"`
	// DeviceScaleFactor is how many pixels of the picture one CSS pixel has, along each axis.
	// Default: 1.
	DeviceScaleFactor float64 `json:"device_scale_factor,omitempty"`
	// Fit is how the picture is brought to the video's size: "contain" (default; bars of
	// Background), "cover" or "fill".
	Fit string `json:"fit,omitempty"`
	// Background is the colour of the bars, as #rrggbb. Default: #000000.
	Background string `json:"background,omitempty"`
}

// Cookie is one cookie.
type Cookie struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Domain is that of the page's host or one above it, and defaults to the host alone; Path
	// defaults to "/".
	Domain   string `json:"domain,omitempty"`
	Path     string `json:"path,omitempty"`
	Secure   bool   `json:"secure,omitempty"`
	HTTPOnly bool   `json:"http_only,omitempty"`
	// SameSite is "Strict", "Lax" or "None"; empty leaves it to the browser.
	SameSite string `json:"same_site,omitempty"`
}

// BasicAuth is a user and a password.
type BasicAuth struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// WaitFor names conditions; all that are given must hold.
type WaitFor struct {
	// NetworkIdle: no request has been under way for half a second of page time, streams and the
	// like aside.
	NetworkIdle bool `json:"network_idle,omitempty"`
	// Selector finds a visible element.
	Selector string `json:"selector,omitempty"`
	// Promise is a JavaScript expression; what it evaluates to is awaited.
	Promise string `json:"promise,omitempty"`
	// Seconds of page time.
	Seconds float64 `json:"seconds,omitempty"`
	// TimeoutSeconds bounds the wait for all of them, in page time. Default: 15.
	TimeoutSeconds float64 `json:"timeout_sec,omitempty"`
}

// DefaultTimeoutSeconds is TimeoutSeconds when it is not given.
const DefaultTimeoutSeconds = 15

// Timeout returns TimeoutSeconds, or its default.
func (w WaitFor) Timeout() time.Duration {
	return time.Duration(cmp.Or(w.TimeoutSeconds, DefaultTimeoutSeconds) * float64(time.Second))
}

// Scroll is one way down the page, and perhaps back.
type Scroll struct {
	// To is "end", a CSS selector, or a number of CSS pixels from where the page begins, such as
	// "1200".
	To string `json:"to"`
	// Speed in CSS pixels a second, or Seconds for the whole way; one of them. Default: the scene's
	// time.
	Speed   float64 `json:"speed,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	// Easing is "linear" (default), "ease-in", "ease-out" or "ease-in-out", as CSS has them.
	Easing string `json:"easing,omitempty"`
	// DelaySeconds is how long the page stands before, PauseSeconds how long at the end of the way.
	DelaySeconds float64 `json:"delay_sec,omitempty"`
	PauseSeconds float64 `json:"pause_sec,omitempty"`
	// Axis is AxisY (default), or AxisX for what scrolls sideways.
	Axis string `json:"axis,omitempty"`
	// Back scrolls back to where the page begins, at the same pace.
	Back bool `json:"back,omitempty"`
}

// Action is one thing done at its time.
type Action struct {
	// At is when, in seconds of the scene. Default: when the action before it has ended.
	At *float64 `json:"at,omitempty"`
	// Do is "click", "type", "hover", "press", "scroll" or "wait".
	Do string `json:"do"`
	// Selector is what is clicked, typed into, hovered over or scrolled to.
	Selector string `json:"selector,omitempty"`
	// Text is typed.
	Text string `json:"text,omitempty"`
	// Key is pressed: a character, or one of NamedKeys, such as "Enter".
	Key string `json:"key,omitempty"`
	// Y is where to scroll to, in CSS pixels from the top, when there is no Selector.
	Y float64 `json:"y,omitempty"`
	// Seconds is how long it takes: the mouse's way, at whose end it clicks, the typing of the
	// text, the scroll, the wait. Default: it is done at once.
	Seconds float64 `json:"seconds,omitempty"`
}
