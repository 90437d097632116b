package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// report is what report.json holds. Times are real, of the recorder's clock.
type report struct {
	Version int `json:"v"`

	// Code, Permanent and Message are the render's. Error is the whole chain, for an operator.
	Code      msg.Code `json:"code"`
	Permanent bool     `json:"permanent"`
	Message   string   `json:"message,omitempty"`
	Error     string   `json:"error"`

	Scene  int      `json:"scene"`
	URL    string   `json:"url"`
	Width  int      `json:"width"`
	Height int      `json:"height"`
	Rate   msg.Rate `json:"rate"`
	// Frames is how many were wanted, Delivered how many were captured.
	Frames    int `json:"frames"`
	Delivered int `json:"delivered"`
	// Options are the names of those that are set.
	Options []string `json:"options"`

	Started time.Time    `json:"started_at"`
	Ended   time.Time    `json:"ended_at"`
	Elapsed msg.Duration `json:"elapsed_ms"`

	// Chrome is empty if there was no page yet.
	Chrome string `json:"chrome,omitempty"`
	Loom   string `json:"loom"`
	Go     string `json:"go"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Kernel string `json:"kernel,omitempty"`
	CPUs   int    `json:"cpus"`

	Console  kept `json:"console"`
	Requests kept `json:"requests"`
}

// kept says how much of something is in the bundle.
type kept struct {
	Kept    int `json:"kept"`
	Dropped int `json:"left_out"`
	// Open are requests that were under way.
	Open int `json:"under_way,omitempty"`
}

const maxError = 8 << 10

// report describes a recording that failed with err.
func (d *Diagnostics) report(failed error, now time.Time) (report, error) {
	options, err := names(d.params)
	if err != nil {
		return report{}, err
	}
	p := d.params
	r := report{
		Version: 1, Code: msg.CodeInternal, Error: d.scrub.text(redact.URLs(failed.Error()), maxError),
		Scene: p.Scene, URL: d.scrub.clean(d.scrub.trimURL(p.Page()), maxURL),
		Width: p.Width, Height: p.Height, Rate: p.Rate, Frames: p.Frames, Options: options,
		Started: d.begin.UTC(), Ended: now.UTC(), Elapsed: msg.Duration(now.Sub(d.begin)),
		Loom: service.Version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Kernel: kernel(), CPUs: runtime.NumCPU(),
	}
	if own := new(stage.Error); errors.As(failed, &own) {
		r.Code, r.Permanent, r.Message = own.Code, own.Permanent, d.scrub.text(own.Message, maxError)
	}
	r.Console.Kept, r.Console.Dropped = d.console.counts()
	r.Requests.Kept, r.Requests.Open, r.Requests.Dropped = d.network.counts()
	d.mu.Lock()
	defer d.mu.Unlock()
	r.Chrome, r.Delivered = d.chrome, d.frames
	return r, nil
}

// names lists the options that are set.
func names(p msg.RecordParams) ([]string, error) {
	data, err := json.Marshal(p.Options)
	if err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	var set map[string]json.RawMessage
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	return append([]string{}, slices.Sorted(maps.Keys(set))...), nil
}

// kernel returns the system's release where that is a file.
func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(release))
}
