package chrome

import "fmt"

// Options say how to start Chrome.
type Options struct {
	// Path of the headless shell; see Find.
	Path string
	// Sandbox keeps Chrome's own sandbox on. It cannot be had as root.
	Sandbox bool
	// Width and Height are the window's size in pixels.
	Width, Height int
	// Proxy is the host and port of the HTTP proxy through which all of Chrome's traffic goes.
	Proxy string
	// SmallShm says that /dev/shm is too small for Chrome's pictures (a container's default is 64 MB).
	SmallShm bool
	// MemoryLimit is how many bytes all of its processes may hold together before they are killed. 0: no limit. Other
	// systems than Linux have none.
	MemoryLimit int64
}

// args returns Chrome's arguments.
func args(o Options, profile string) []string {
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
		"--force-device-scale-factor=1",
		"--disable-lcd-text",
		"--lang=en-US",
		"--mute-audio",
		"--autoplay-policy=no-user-gesture-required",

		// The page reaches the network through the proxy or not at all: no loopback exception, no name looked up
		// here, no UDP.
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
		"--disable-prompt-on-repost",
		"--disable-sync",
		"--metrics-recording-only",

		// No second page, whatever the page does: nobody would see it, and it would share the page's process.
		"--block-new-web-contents",

		// A page in the background would be slowed down; ours is never in the foreground.
		"--disable-background-timer-throttling",
		"--disable-backgrounding-occluded-windows",
		"--disable-renderer-backgrounding",

		// With site isolation, createTarget hangs under frame control. A browser therefore shows one scene only.
		"--disable-site-isolation-trials",
		"--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,IsolateOrigins,site-per-process,BackForwardCache,AcceptCHFrame",
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
