package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder"
)

// unknown stands for a value that could not be read.
const unknown = "unknown"

// Machine is what a benchmark ran on.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	// HugePages and HugePagesShared are the settings of transparent huge pages, for anonymous and
	// for shared memory: always, madvise, never and so on.
	HugePages       string `json:"transparent_hugepage_enabled"`
	HugePagesShared string `json:"transparent_hugepage_shmem_enabled"`
	Go              string `json:"go"`
	Chrome          string `json:"chrome"`
	Sandbox         bool   `json:"chrome_sandbox"`
	FFmpeg          string `json:"ffmpeg"`
	// Node and Peer are empty when no peer is measured.
	Node string `json:"node,omitempty"`
	Peer string `json:"puppeteer_capture,omitempty"`
}

// Look describes this machine. It reads CHROME_PATH, CHROME_SANDBOX and FFMPEG_PATH from environ.
// peers is the folder of the peers; empty when none is measured. Look starts the programs, so it
// fails when one is missing or does not work.
func Look(ctx context.Context, environ map[string]string, peers string) (Machine, error) {
	m := Machine{
		CPU: cpuModel(read("/proc/cpuinfo")), Cores: runtime.NumCPU(), Memory: memory(read("/proc/meminfo")),
		Kernel:          line(read("/proc/sys/kernel/osrelease")),
		HugePages:       chosen(read("/sys/kernel/mm/transparent_hugepage/enabled")),
		HugePagesShared: chosen(read("/sys/kernel/mm/transparent_hugepage/shmem_enabled")),
		Go:              runtime.Version(),
		Sandbox:         os.Geteuid() != 0 && environ["CHROME_SANDBOX"] != "off",
	}
	chrome, err := recorder.CheckChrome(ctx, environ["CHROME_PATH"], m.Sandbox)
	if err != nil {
		return m, fmt.Errorf("check Chrome: %w", err)
	}
	if chrome.Mode != msg.ModeExact {
		return m, fmt.Errorf("check Chrome: %s", recorder.NoFrameControl)
	}
	m.Chrome = chrome.Version
	ffmpeg := environ["FFMPEG_PATH"]
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	said, err := run(ctx, ffmpeg, "-version")
	if err != nil {
		return m, fmt.Errorf("check FFmpeg: %w", err)
	}
	m.FFmpeg, _, _ = strings.Cut(strings.TrimPrefix(said, "ffmpeg version "), " Copyright")
	if peers == "" {
		return m, nil
	}
	if m.Node, err = run(ctx, "node", "--version"); err != nil {
		return m, fmt.Errorf("check Node.js: %w", err)
	}
	if m.Peer, err = packageVersion(filepath.Join(peers, "node_modules", "puppeteer-capture", "package.json")); err != nil {
		return m, fmt.Errorf("puppeteer-capture is not installed (run %s): %w", filepath.Join(peers, "setup.sh"), err)
	}
	return m, nil
}

// Load returns the load averages of the last 1, 5 and 15 minutes, such as "0.19 0.11 0.20".
func Load() string {
	fields := strings.Fields(read("/proc/loadavg"))
	if len(fields) < 3 {
		return unknown
	}
	return strings.Join(fields[:3], " ")
}

// read returns the content of a file of the kernel's; empty when there is no such file.
func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// run returns the first line that a program prints.
func run(ctx context.Context, program string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return "", fmt.Errorf("run %s: %w", program, err)
	}
	first, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimSpace(string(first)), nil
}

func line(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	if first = strings.TrimSpace(first); first == "" {
		return unknown
	}
	return first
}

// cpuModel reads /proc/cpuinfo. It names a model once, however many cores have it.
func cpuModel(cpuinfo string) string {
	for text := range strings.Lines(cpuinfo) {
		if name, value, found := strings.Cut(text, ":"); found && strings.TrimSpace(name) == "model name" {
			return line(value)
		}
	}
	return unknown
}

// memory reads /proc/meminfo.
func memory(meminfo string) string {
	for text := range strings.Lines(meminfo) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(text, "MemTotal: %d kB", &kilobytes); n == 1 {
			return fmt.Sprintf("%.1f GiB", float64(kilobytes)/(1<<20))
		}
	}
	return unknown
}

// chosen reads a file that lists the possible values, with the current one in brackets.
func chosen(list string) string {
	_, rest, opened := strings.Cut(list, "[")
	choice, _, closed := strings.Cut(rest, "]")
	if !opened || !closed {
		return unknown
	}
	return choice
}

func packageVersion(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var about struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if about.Version == "" {
		return "", errors.New(path + " names no version")
	}
	return about.Version, nil
}
