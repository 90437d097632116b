package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/loom-lite/loom-lite/bench/machine"
	"github.com/loom-lite/loom-lite/bench/measure"
	"github.com/loom-lite/loom-lite/bench/pages"
)

// Part is a part of the benchmark.
type Part string

// The parts.
const (
	Capture   Part = "capture"
	Transcode Part = "transcode"
	// ControlPart is what it costs to take renders through their tasks.
	ControlPart Part = "control"
	// ScalingPart is how much sooner two recorders are done than one.
	ScalingPart Part = "scaling"
	// FleetPart is what fleets of workers need of control.
	FleetPart Part = "fleet"
)

// Parts are all parts, in the order in which they are measured.
var Parts = []Part{Capture, Transcode, ControlPart, ScalingPart, FleetPart}

// Settings are the settings of a run of the benchmark.
type Settings struct {
	Parts []Part         `json:"parts"`
	Pages []string       `json:"pages"`
	Tools []measure.Tool `json:"tools"`
	// Scenes are the numbers of scenes recorded at once.
	Scenes []int `json:"scenes"`
	Width  int   `json:"width"`
	Height int   `json:"height"`
	FPS    int   `json:"fps"`
	// Frames is the number of frames of each scene that is recorded.
	Frames int `json:"frames"`
	Repeat int `json:"repeat"`
	// TranscodeFrames is the number of frames of the scene that is transcoded.
	TranscodeFrames int `json:"transcode_frames"`
	// Encoder describes how mp4s are encoded.
	Encoder string `json:"encoder"`
}

// Run is one measurement.
type Run struct {
	Page   string       `json:"page"`
	Tool   measure.Tool `json:"tool"`
	Scenes int          `json:"scenes"`
	// Repeat counts from 1.
	Repeat int             `json:"repeat"`
	Result *measure.Result `json:"result,omitempty"`
	// Error says why there is no result; empty when there is one.
	Error string `json:"error,omitempty"`
}

// Report is the result of one run of the benchmark.
type Report struct {
	Began      time.Time       `json:"began"`
	Took       time.Duration   `json:"took_ns"`
	Machine    machine.Machine `json:"machine"`
	LoadBefore string          `json:"load_before"`
	LoadAfter  string          `json:"load_after"`
	Settings   Settings        `json:"settings"`
	Rows       []Row           `json:"rows"`
	Ratios     []Ratio         `json:"ratios"`
	Runs       []Run           `json:"runs"`
	// Transcoding is nil when the transcoder was not measured.
	Transcoding *Transcoding `json:"transcoding,omitempty"`
	// Control is nil when control was not measured.
	Control *Control `json:"control,omitempty"`
	// Scaling is nil when scaling was not measured.
	Scaling *Scaling `json:"scaling,omitempty"`
	// Fleet is nil when no fleet was measured.
	Fleet *Fleet `json:"fleet,omitempty"`
}

// New sums up runs. Rows are ordered by page, as in settings.
func New(settings Settings, runs []Run) Report {
	r := Report{Settings: settings, Runs: runs}
	for _, page := range settings.Pages {
		for _, scenes := range settings.Scenes {
			group := map[measure.Tool]Row{}
			for _, tool := range settings.Tools {
				row, ok := summarize(page, tool, scenes, runs)
				if !ok {
					continue
				}
				group[tool] = row
				r.Rows = append(r.Rows, row)
			}
			if ratio, ok := compare(page, scenes, settings.FPS, group); ok {
				r.Ratios = append(r.Ratios, ratio)
			}
		}
	}
	return r
}

// Row has the medians of one tool on one page with one number of scenes at once.
type Row struct {
	Page   string       `json:"page"`
	Motion pages.Motion `json:"motion"`
	Tool   measure.Tool `json:"tool"`
	Scenes int          `json:"scenes"`
	// Runs is how many measurements there are.
	Runs int `json:"runs"`
	// Frames and Distinct are of one scene.
	Frames   float64 `json:"frames"`
	Distinct float64 `json:"distinct"`
	// CaptureFPS and WholeFPS are of all scenes together; see measure.Result. CaptureLow and
	// CaptureHigh are the least and the most that CaptureFPS was.
	CaptureFPS  float64 `json:"capture_fps"`
	CaptureLow  float64 `json:"capture_fps_low"`
	CaptureHigh float64 `json:"capture_fps_high"`
	WholeFPS    float64 `json:"whole_fps"`
	// CPUPerFrame is CPU time in milliseconds, starting and ending included. GoShare is the part of
	// it that the Go side used, 0 to 1; nil for what is no Go program.
	CPUPerFrame float64  `json:"cpu_ms_per_frame"`
	GoShare     *float64 `json:"go_cpu_share,omitempty"`
	// Memory is the most memory used at a time, in bytes.
	Memory        float64 `json:"peak_memory_bytes"`
	BytesPerFrame float64 `json:"bytes_per_frame"`
}

func summarize(page string, tool measure.Tool, scenes int, runs []Run) (Row, bool) {
	var results []measure.Result
	for _, r := range runs {
		if r.Page == page && r.Tool == tool && r.Scenes == scenes && r.Result != nil && r.Result.Frames() > 0 {
			results = append(results, *r.Result)
		}
	}
	if len(results) == 0 {
		return Row{}, false
	}
	of := func(value func(measure.Result) float64) float64 { return median(each(results, value)) }
	perFrame := func(value float64, r measure.Result) float64 { return value / float64(r.Frames()) }
	capture := each(results, measure.Result.CaptureFPS)
	about, _ := pages.Find(page)
	row := Row{
		Page: page, Motion: about.Motion, Tool: tool, Scenes: scenes, Runs: len(results),
		Frames:     of(func(r measure.Result) float64 { return float64(r.Frames()) / float64(scenes) }),
		Distinct:   of(func(r measure.Result) float64 { return float64(r.Distinct()) / float64(scenes) }),
		CaptureFPS: median(capture), CaptureLow: slices.Min(capture), CaptureHigh: slices.Max(capture),
		WholeFPS:      of(measure.Result.WholeFPS),
		CPUPerFrame:   of(func(r measure.Result) float64 { return perFrame(1000*r.CPU.Seconds(), r) }),
		Memory:        of(func(r measure.Result) float64 { return float64(r.Memory) }),
		BytesPerFrame: of(func(r measure.Result) float64 { return perFrame(float64(r.Bytes()), r) }),
	}
	if tool != measure.Peer {
		share := of(func(r measure.Result) float64 { return float64(r.GoCPU) / float64(max(1, r.CPU)) })
		row.GoShare = &share
	}
	return row, true
}

// Ratio compares ours with the others on one page with one number of scenes at once. What was not
// measured is nil.
type Ratio struct {
	Page   string       `json:"page"`
	Motion pages.Motion `json:"motion"`
	Scenes int          `json:"scenes"`
	// Mezzanine is our recorder against the peer, MP4 our recorder and transcoder against the peer,
	// by CaptureFPS; the others by WholeFPS.
	Mezzanine      *float64 `json:"mezzanine_to_peer,omitempty"`
	MezzanineWhole *float64 `json:"mezzanine_to_peer_whole,omitempty"`
	MP4            *float64 `json:"mp4_to_peer,omitempty"`
	MP4Whole       *float64 `json:"mp4_to_peer_whole,omitempty"`
	// Bare is our recorder against the bare loop, by CaptureFPS.
	Bare *float64 `json:"mezzanine_to_bare,omitempty"`
	// RealTime is our recorder's CaptureFPS against the page's own frames per second, of each
	// scene.
	RealTime *float64 `json:"real_time,omitempty"`
}

func compare(page string, scenes, fps int, rows map[measure.Tool]Row) (Ratio, bool) {
	about, _ := pages.Find(page)
	r := Ratio{Page: page, Motion: about.Motion, Scenes: scenes}
	capture := func(row Row) float64 { return row.CaptureFPS }
	whole := func(row Row) float64 { return row.WholeFPS }
	ratio := func(a, b measure.Tool, value func(Row) float64) *float64 {
		over, ok1 := rows[a]
		under, ok2 := rows[b]
		if !ok1 || !ok2 || value(under) == 0 {
			return nil
		}
		quotient := value(over) / value(under)
		return &quotient
	}
	r.Mezzanine, r.MezzanineWhole = ratio(measure.Ours, measure.Peer, capture), ratio(measure.Ours, measure.Peer, whole)
	r.MP4, r.MP4Whole = ratio(measure.OursMP4, measure.Peer, capture), ratio(measure.OursMP4, measure.Peer, whole)
	r.Bare = ratio(measure.Ours, measure.Bare, capture)
	if row, ok := rows[measure.Ours]; ok && fps > 0 {
		each := row.CaptureFPS / float64(scenes) / float64(fps)
		r.RealTime = &each
	}
	return r, r.Mezzanine != nil || r.MP4 != nil || r.Bare != nil || r.RealTime != nil
}

// Failed lists the measurements that failed, and why.
func (r Report) Failed() []string {
	var failed []string
	for _, run := range r.Runs {
		if run.Error != "" {
			failed = append(failed, fmt.Sprintf("%s, %s, %d at once, turn %d: %s", run.Page, run.Tool, run.Scenes, run.Repeat, run.Error))
		}
	}
	if r.Transcoding != nil && r.Transcoding.Error != "" {
		failed = append(failed, "transcoding: "+r.Transcoding.Error)
	}
	if r.Control != nil {
		failed = append(failed, r.Control.failed()...)
	}
	if r.Scaling != nil {
		failed = append(failed, r.Scaling.failed()...)
	}
	if r.Fleet != nil {
		failed = append(failed, r.Fleet.failed()...)
	}
	return failed
}

// JSON writes the report as JSON.
func (r Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
