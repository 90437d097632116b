package recorder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// Config is the recorder's settings.
type Config struct {
	service.Base

	// Slots is how many scenes to record at once. 0 means as many as there are cores: one Chrome
	// uses about 1.6.
	Slots int `env:"RECORDER_SLOTS" envDefault:"0" min:"0" max:"256" wants:"a number of scenes to record at once, 0 (as many as cores) to 256"`
	// Preflights is how many pages of preflights to open at once, beside the scenes: seconds each,
	// so that nobody waits for a recording. 0: none.
	Preflights int `env:"RECORDER_PREFLIGHTS" envDefault:"1" min:"0" max:"64" wants:"a number of pages to open at once, 0 to 64"`
	// ChromePath is the headless shell's. Empty: chromium-headless-shell or chrome-headless-shell
	// from PATH, else a whole Chromium or Chrome from there.
	ChromePath string `env:"CHROME_PATH"`
	// ChromeSandbox is "on" or "off". Chrome has no sandbox as root.
	ChromeSandbox string `env:"CHROME_SANDBOX" envDefault:"on" oneof:"on off"`
	// MemoryLimit is how many megabytes a scene's Chrome may hold before it is killed and the scene
	// has failed. An empty page takes about a hundred.
	MemoryLimit int `env:"RECORDER_MEMORY_LIMIT" envDefault:"4096" min:"256" max:"1048576" unit:"megabytes for one scene's Chrome"`
	// Pinning is "auto", which keeps a Chrome on one core while its page stands still, or "off",
	// which leaves the choice to the kernel.
	Pinning string `env:"RECORDER_PINNING" envDefault:"auto" oneof:"auto off"`
	// HugePages is "auto", which has Chrome request huge pages where Linux grants them on request,
	// or "off".
	HugePages string `env:"RECORDER_HUGE_PAGES" envDefault:"auto" oneof:"auto off"`
	// EgressAllow lists hosts, IP addresses and CIDR prefixes that pages may reach although they
	// are not public.
	EgressAllow string `env:"EGRESS_ALLOW" wants:"a list of host names, IP addresses (each with :port if only that is meant) and CIDR prefixes, divided by commas"`
	// WorkDir is the folder for recordings that are not stored yet. Empty: the system's folder for
	// temporary files.
	WorkDir string `env:"WORK_DIR"`
}

// LoadConfig reads and checks the settings. Its error names every one that is missing or wrong.
// optional names required variables that the caller does without.
func LoadConfig(environ map[string]string, optional ...string) (Config, error) {
	var cfg Config
	var problems service.Problems
	problems.Load(&cfg, environ, optional...)
	if cfg.Slots == 0 {
		cfg.Slots = service.Cores()
	}
	if _, err := egress.Parse(cfg.EgressAllow); err != nil {
		problems.Wrong("EGRESS_ALLOW")
	}
	if cfg.WorkDir == "" {
		cfg.WorkDir = os.TempDir()
	}
	if err := problems.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// checkTimeout bounds a try of CheckChrome's.
const checkTimeout = 30 * time.Second

// errRoot says why Chrome cannot be started with its sandbox.
var errRoot = errors.New("as root, Chrome has no sandbox: run as another user, or set CHROME_SANDBOX=off and rely on the container's walls")

// errNoSandbox says why Chrome's sandbox cannot work in this container, or on this machine.
var errNoSandbox = errors.New("the sandbox of Chrome cannot start: user namespaces are forbidden here. With Docker, run with " +
	"--security-opt seccomp=deploy/seccomp-chrome.json, which allows them (docs/operations/chrome.md#chromes-sandbox), or set " +
	"CHROME_SANDBOX=off and rely on the container's walls")

// lacksSandbox reports whether Chrome ended because it could not make its sandbox. It says so in
// words only.
func lacksSandbox(err error) bool {
	for _, words := range []string{"No usable sandbox", "Failed to move to new namespace", "setuid sandbox"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// Chrome is a browser that CheckChrome has tried.
type Chrome struct {
	Path string
	// Version is its name and version, such as "HeadlessChrome/156.0.7977.2".
	Version string
	// Mode is how it captures a scene that does not set a mode: msg.ModeExact, or msg.ModeVirtual
	// if it cannot draw frames on demand.
	Mode msg.Mode
}

// CheckChrome starts Chrome and captures a frame: drawn on demand or, if Chrome cannot do that, by
// screenshot. It returns what it found, or an error that says what to do about it. path is
// CHROME_PATH's value. If it is empty, CheckChrome looks for Chrome in PATH.
func CheckChrome(ctx context.Context, path string, sandbox bool) (Chrome, error) {
	if sandbox && os.Geteuid() == 0 {
		return Chrome{}, errRoot
	}
	found, err := chrome.Find(path)
	if err != nil {
		return Chrome{}, err
	}
	return tryModes(ctx, found, sandbox)
}

// tryModes starts a Chrome in one mode after the other.
func tryModes(ctx context.Context, found string, sandbox bool) (Chrome, error) {
	var failures []error
	// Without its sandbox, Chrome does nothing in any mode: the cause is all that matters.
	for _, mode := range []msg.Mode{msg.ModeExact, msg.ModeVirtual} {
		version, err := tryChrome(ctx, found, sandbox, mode)
		if err == nil {
			return Chrome{Path: found, Version: version, Mode: mode}, nil
		}
		if sandbox && lacksSandbox(err) {
			return Chrome{}, fmt.Errorf("%w; Chrome (%s) said: %w", errNoSandbox, found, err)
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return Chrome{}, fmt.Errorf("try %s: %w; %s", found, errors.Join(failures...), chrome.Install)
}

// tryChrome captures a frame in a mode.
func tryChrome(ctx context.Context, path string, sandbox bool, mode msg.Mode) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	// No page is loaded, so nothing uses the proxy. There is none at this address.
	p, err := chrome.Start(chrome.Options{
		Path: path, Frames: capture.Frames(mode), Sandbox: sandbox, Width: 320, Height: 240, Proxy: "127.0.0.1:1",
		SmallShm: chrome.SmallShm(),
	}, "")
	if err != nil {
		return "", err
	}
	version, err = capture.Probe(ctx, capture.Browser{Client: p.Client, Kill: p.Kill}, mode, 320, 240)
	closed := p.Close() // reads Chrome's stderr to its end
	if err != nil {
		err = fmt.Errorf("%w; it said: %s", err, p.Stderr())
	}
	return version, errors.Join(err, closed)
}
