package chrome

import (
	"fmt"

	"github.com/loom-lite/loom-lite/services/recorder/placement"
)

// Options say how to start Chrome.
type Options struct {
	// Path of the headless shell, or of a whole Chrome; see Find.
	Path string
	// Frames is when Chrome draws. FramesOnDemand takes the headless shell.
	Frames Frames
	// Sandbox keeps Chrome's own sandbox on. As root, Chrome has none.
	Sandbox bool
	// Width and Height are the window's size in CSS pixels.
	Width, Height int
	// Repeatable seeds Math.random: the same numbers in every run.
	Repeatable bool
	// ReducedMotion tells pages, and servers that ask for the client hint, to show less movement.
	ReducedMotion bool
	// ScaleFactor is how many pixels of the picture one CSS pixel has, along each axis. 0 means 1.
	ScaleFactor float64
	// Proxy is the host and port of the HTTP proxy through which all of Chrome's traffic goes.
	Proxy string
	// SmallShm says that /dev/shm is too small for Chrome's pictures: a container's default is
	// 64 MB.
	SmallShm bool
	// MemoryLimit is how many bytes all of its processes may hold together before they are killed.
	// 0: no limit. Other systems than Linux have none.
	MemoryLimit int64
	// Preload is a shared library that every process of it loads first; empty for none. Linux only.
	Preload string
	// Cores are where Chrome is kept while its page stands still. nil: it is never told so.
	Cores *placement.Cores
}

// Frames is when Chrome draws.
type Frames int

const (
	// FramesOnDemand are drawn only on request (HeadlessExperimental.beginFrame).
	FramesOnDemand Frames = iota
	// FramesForScreenshots are drawn when Chrome sees fit, with all that the page has come to.
	FramesForScreenshots
	// FramesInRealtime are drawn when Chrome sees fit, as on a screen.
	FramesInRealtime
)

// framesOnDemand has Chrome draw a frame on request only, completely, and by our clock alone.
var framesOnDemand = []string{
	"--enable-begin-frame-control",
	"--run-all-compositor-stages-before-draw",
	"--deterministic-mode",
	"--disable-threaded-animation",
	"--disable-threaded-scrolling",
	"--disable-checker-imaging",
	"--disable-image-animation-resync",
	"--disable-new-content-rendering-timeout",
	"--enable-surface-synchronization",
}

// framesForScreenshots has a screenshot show everything up to its time.
var framesForScreenshots = []string{
	"--run-all-compositor-stages-before-draw",
	"--disable-threaded-animation",
	"--disable-threaded-scrolling",
	"--disable-checker-imaging",
	"--disable-image-animation-resync",
	"--disable-new-content-rendering-timeout",
}

// mouse is a pointer that is fine (4 of Blink's PointerType) and hovers (2 of its HoverType), and
// the only one.
const mouse = "primaryPointerType=4,availablePointerTypes=4,primaryHoverType=2,availableHoverTypes=2"

// args returns Chrome's arguments.
func args(o Options, profile string) []string {
	scale := o.ScaleFactor
	if scale == 0 {
		scale = 1
	}
	// WebRtcHideLocalIpsWithMdns asks the local network by multicast. Without UDP there are no
	// local addresses to hide.
	disabled := "Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,IsolateOrigins,site-per-process,BackForwardCache," +
		"AcceptCHFrame,WebRtcHideLocalIpsWithMdns"
	list := []string{
		"--remote-debugging-pipe=cbor",
		"--user-data-dir=" + profile,
		fmt.Sprintf("--window-size=%d,%d", o.Width, o.Height),
		"--headless=new", // a whole Chrome would open a window
	}
	switch o.Frames {
	case FramesOnDemand:
		list = append(list, framesOnDemand...)
	case FramesForScreenshots:
		list = append(list, framesForScreenshots...)
		// a first frame would wait for content, or for time that stands still
		disabled += ",PaintHolding"
	case FramesInRealtime:
	}
	list = append(list,
		// The same picture on every machine.
		"--hide-scrollbars",
		"--font-render-hinting=none",
		"--force-color-profile=srgb",
		// what Emulation sets, the picture does not have
		fmt.Sprintf("--force-device-scale-factor=%v", scale),
		"--disable-lcd-text",
		"--lang=en-US",
		"--mute-audio",
		"--autoplay-policy=no-user-gesture-required",

		// A mouse, on machines that have none: pages choose by it what they show and how they are
		// laid out. What Emulation makes of a page, such as a phone's, goes before it.
		"--blink-settings="+mouse,

		// The page reaches the network through the proxy or not at all: no loopback exception, no
		// name looked up here, no UDP, nothing asked of the local network by multicast.
		"--proxy-server=http://"+o.Proxy,
		"--proxy-bypass-list=<-loopback>",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
		"--dns-prefetch-disable",
		"--disable-quic",
		"--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
		"--webrtc-ip-handling-policy=disable_non_proxied_udp",

		// Nothing of Chrome's own: no calls home, no prompts, no crash reports that would outlive
		// it.
		"--no-first-run",
		"--no-default-browser-check",
		"--no-service-autorun",
		"--password-store=basic",
		"--use-mock-keychain",
		"--disable-background-networking",
		"--disable-breakpad",
		"--disable-crash-reporter",
		"--disable-client-side-phishing-detection",
		"--disable-component-extensions-with-background-pages",
		"--disable-component-update",
		"--disable-default-apps",
		"--disable-domain-reliability",
		"--disable-extensions",
		"--disable-hang-monitor",
		"--disable-prompt-on-repost",
		"--disable-sync",
		"--metrics-recording-only",
		"--disable-gpu-shader-disk-cache", // a profile is never used twice

		// No second page, whatever the page does: nobody would see it, and it would share the
		// page's process.
		"--block-new-web-contents",

		// A page in the background would be slowed down; ours is never in the foreground.
		"--disable-background-timer-throttling",
		"--disable-backgrounding-occluded-windows",
		"--disable-renderer-backgrounding",

		// With site isolation, createTarget hangs under frame control. A browser therefore shows
		// one scene only.
		"--disable-site-isolation-trials",
		"--disable-features="+disabled,
	)
	if o.Repeatable {
		list = append(list, "--js-flags=--random-seed=1")
	}
	if o.ReducedMotion {
		list = append(list, "--force-prefers-reduced-motion")
	}
	if !o.Sandbox {
		list = append(list, "--no-sandbox")
	}
	if o.SmallShm {
		list = append(list, "--disable-dev-shm-usage")
	}
	return append(list, "about:blank")
}

// environ returns Chrome's environment: what it needs to draw, and nothing that we hold. Temporary
// files are in the folder that it is started in, its profile, by a path that is short wherever that
// is: a whole Chrome makes a socket among them, whose path the kernel bounds at 107 bytes.
// PulseAudio, with which Chrome looks for a sound card as soon as a page has sound, wants a whole
// one.
func environ(getenv func(string) string, profile, preload string) []string {
	env := []string{
		"HOME=" + profile, "TMPDIR=.", "XDG_CACHE_HOME=" + profile, "XDG_CONFIG_HOME=" + profile, "PULSE_RUNTIME_PATH=" + profile,
	}
	for _, name := range []string{"PATH", "LANG", "LC_ALL", "TZ", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "LD_LIBRARY_PATH"} {
		if v := getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	if preload != "" {
		env = append(env, "LD_PRELOAD="+preload)
	}
	return env
}
