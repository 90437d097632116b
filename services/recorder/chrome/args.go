package chrome

import "fmt"

// Options say how to start Chrome.
type Options struct {
	// Path of the headless shell; see Find.
	Path string
	// Sandbox keeps Chrome's own sandbox on. It cannot be had as root.
	Sandbox bool
	// Width and Height are the window's size in CSS pixels.
	Width, Height int
	// Repeatable seeds Math.random: the same numbers in every run.
	Repeatable bool
	// ScaleFactor is how many pixels of the picture one CSS pixel has, along each axis. 0 means 1.
	ScaleFactor float64
	// Proxy is the host and port of the HTTP proxy through which all of Chrome's traffic goes.
	Proxy string
	// SmallShm says that /dev/shm is too small for Chrome's pictures (a container's default is 64 MB).
	SmallShm bool
}

// args returns Chrome's arguments.
func args(o Options, profile string) []string {
	scale := o.ScaleFactor
	if scale == 0 {
		scale = 1
	}
	list := []string{
		"--remote-debugging-pipe=cbor",
		"--user-data-dir=" + profile,
		fmt.Sprintf("--window-size=%d,%d", o.Width, o.Height),

		// A frame is drawn when we say so, all of it, and by nothing but our clock.
		"--enable-begin-frame-control",
		"--run-all-compositor-stages-before-draw",
		"--deterministic-mode",
		"--disable-threaded-animation",
		"--disable-threaded-scrolling",
		"--disable-checker-imaging",
		"--disable-image-animation-resync",
		"--disable-new-content-rendering-timeout",
		"--enable-surface-synchronization",

		// The same picture on every machine.
		"--hide-scrollbars",
		"--font-render-hinting=none",
		"--force-color-profile=srgb",
		fmt.Sprintf("--force-device-scale-factor=%v", scale), // what Emulation sets, the picture does not have
		"--disable-lcd-text",
		"--lang=en-US",
		"--mute-audio",
		"--autoplay-policy=no-user-gesture-required",

		// The page reaches the network through the proxy or not at all: no loopback exception, no name looked up
		// here, no UDP, nothing asked of the local network by multicast (WebRtcHideLocalIpsWithMdns, below: Chrome takes one
		// list of features only. Without UDP there are no local addresses to hide).
		"--proxy-server=http://" + o.Proxy,
		"--proxy-bypass-list=<-loopback>",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
		"--dns-prefetch-disable",
		"--disable-quic",
		"--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
		"--webrtc-ip-handling-policy=disable_non_proxied_udp",

		// Nothing of Chrome's own: no calls home, no prompts, no crash reports that would outlive it.
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
		"--disable-popup-blocking",
		"--disable-prompt-on-repost",
		"--disable-sync",
		"--metrics-recording-only",

		// A page in the background would be slowed down; ours is never in the foreground.
		"--disable-background-timer-throttling",
		"--disable-backgrounding-occluded-windows",
		"--disable-renderer-backgrounding",

		// With site isolation, createTarget hangs under frame control. A browser therefore shows one scene only.
		"--disable-site-isolation-trials",
		"--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,IsolateOrigins,site-per-process,BackForwardCache,AcceptCHFrame,WebRtcHideLocalIpsWithMdns",
	}
	if o.Repeatable {
		list = append(list, "--js-flags=--random-seed=1")
	}
	if !o.Sandbox {
		list = append(list, "--no-sandbox")
	}
	if o.SmallShm {
		list = append(list, "--disable-dev-shm-usage")
	}
	return append(list, "about:blank")
}

// environ returns Chrome's environment: what it needs to draw, and nothing that we hold.
func environ(getenv func(string) string, profile string) []string {
	env := []string{"HOME=" + profile, "TMPDIR=" + profile, "XDG_CACHE_HOME=" + profile, "XDG_CONFIG_HOME=" + profile}
	for _, name := range []string{"PATH", "LANG", "LC_ALL", "TZ", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "LD_LIBRARY_PATH"} {
		if v := getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}
