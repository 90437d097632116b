package recorder

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	Slots int `env:"RECORDER_SLOTS" envDefault:"0" wants:"a number of scenes to record at once, 0 (as many as cores) to 256"`
	// ChromePath is the headless shell's. Empty: chromium-headless-shell or chrome-headless-shell
	// from PATH, else a whole Chromium or Chrome from there.
	ChromePath string `env:"CHROME_PATH"`
	// ChromeSandbox is "on" or "off". Chrome has no sandbox as root.
	ChromeSandbox string `env:"CHROME_SANDBOX" envDefault:"on" wants:"on or off"`
	// MemoryLimit is how many megabytes a scene's Chrome may hold before it is killed and the scene
	// has failed.
	MemoryLimit int `env:"RECORDER_MEMORY_LIMIT" envDefault:"4096" wants:"a number of megabytes for one scene's Chrome, 256 to 1048576"`
	// Pinning is "auto", which keeps a Chrome on one core while its page stands still, or "off",
	// which leaves that to the kernel.
	Pinning string `env:"RECORDER_PINNING" envDefault:"auto" wants:"auto or off"`
	// HugePages is "auto", which has Chrome ask for huge pages where Linux gives them to programs
	// that ask, or "off".
	HugePages string `env:"RECORDER_HUGE_PAGES" envDefault:"auto" wants:"auto or off"`
	// EgressAllow lists hosts, IP addresses and CIDR prefixes that pages may reach although they
	// are not public.
	EgressAllow string `env:"EGRESS_ALLOW"`
	// WorkDir is where recordings grow until they are stored. Empty: the system's folder for
	// temporary files.
	WorkDir string `env:"WORK_DIR"`
}

const (
	maxSlots = 256
	// DefaultMemoryLimit is MemoryLimit's default.
	DefaultMemoryLimit = 4096
	// MinMemoryLimit is the least that MemoryLimit may be, in megabytes. An empty page takes about
	// a hundred.
	MinMemoryLimit = 256
	// MaxMemoryLimit is the most that MemoryLimit may be.
	MaxMemoryLimit = 1 << 20

	wantsAllow = "a list of host names, IP addresses (each with :port if only that is meant) and CIDR prefixes, divided by commas"
)

// LoadConfig reads the settings from environ.
func LoadConfig(environ map[string]string) (Config, error) {
	var cfg Config
	var problems service.Problems
	if err := problems.Include(service.Load(&cfg, environ)); err != nil {
		return Config{}, err
	}
	if cfg.Slots < 0 || cfg.Slots > maxSlots {
		problems.Add("RECORDER_SLOTS", "a number of scenes to record at once, 0 (as many as cores) to 256")
	}
	if cfg.Slots == 0 {
		cfg.Slots = service.Cores()
	}
	if cfg.MemoryLimit < MinMemoryLimit || cfg.MemoryLimit > MaxMemoryLimit {
		problems.Add("RECORDER_MEMORY_LIMIT", "a number of megabytes for one scene's Chrome, 256 to 1048576")
	}
	if cfg.ChromeSandbox != "on" && cfg.ChromeSandbox != "off" {
		problems.Add("CHROME_SANDBOX", "on or off")
	}
	if cfg.Pinning != "auto" && cfg.Pinning != "off" {
		problems.Add("RECORDER_PINNING", "auto or off")
	}
	if cfg.HugePages != "auto" && cfg.HugePages != "off" {
		problems.Add("RECORDER_HUGE_PAGES", "auto or off")
	}
	if _, err := egress.Parse(cfg.EgressAllow); err != nil {
		problems.Add("EGRESS_ALLOW", wantsAllow)
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

// Chrome is a browser that has been tried.
type Chrome struct {
	Path string
	// Version is its name and version, such as "HeadlessChrome/156.0.7977.2".
	Version string
	// Mode is how it captures a scene that asks for nothing else: msg.ModeExact, or msg.ModeVirtual
	// when it cannot draw frames on demand.
	Mode msg.Mode
}

// CheckChrome starts Chrome and captures a frame: drawn on demand or, when that cannot be had, by
// screenshot. It returns what it found, or an error that says what to do about it. path is
// CHROME_PATH's value; empty means to look for it.
func CheckChrome(ctx context.Context, path string, sandbox bool) (Chrome, error) {
	if sandbox && os.Geteuid() == 0 {
		return Chrome{}, errRoot
	}
	found, err := chrome.Find(path)
	if err != nil {
		return Chrome{}, err
	}
	var failures []error
	for _, mode := range []msg.Mode{msg.ModeExact, msg.ModeVirtual} {
		version, err := tryChrome(ctx, found, sandbox, mode)
		if err == nil {
			return Chrome{Path: found, Version: version, Mode: mode}, nil
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
	// No page is loaded, so nothing needs a proxy: the address is of one that does not exist.
	p, err := chrome.Start(chrome.Options{
		Path: path, Frames: capture.Frames(mode), Sandbox: sandbox, Width: 320, Height: 240, Proxy: "127.0.0.1:1",
		SmallShm: chrome.SmallShm(),
	}, "")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	version, err = capture.Probe(ctx, capture.Browser{Client: p.Client, Kill: p.Kill}, mode, 320, 240)
	if err != nil {
		return version, fmt.Errorf("%w; it said: %s", err, p.Stderr())
	}
	return version, nil
}
