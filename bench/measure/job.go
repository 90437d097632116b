package measure

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Tool is something that captures a page.
type Tool string

const (
	// Ours is our recorder, into a mezzanine.
	Ours Tool = "ours"
	// OursMP4 is our recorder and transcoder, into a finished mp4.
	OursMP4 Tool = "ours-mp4"
	// Bare is a loop of beginFrame that takes a picture of every frame and throws it away: the
	// limit.
	Bare Tool = "bare"
	// Peer is puppeteer-capture, into an mp4.
	Peer Tool = "puppeteer-capture"
)

// What Transcode runs. These tools take no turns.
const (
	// stored is our recorder. It leaves the pieces of a scene in Job.Dir.
	stored Tool = "stored"
	// stages is our transcoder, on the scene in Job.Dir.
	stages Tool = "stages"
)

// Tools are the tools that are compared, in the order in which they take turns.
var Tools = []Tool{Ours, OursMP4, Bare, Peer}

// Job is one measurement to make.
type Job struct {
	Tool Tool `json:"tool"`
	// Page is the URL of the page.
	Page string `json:"page"`
	// Width and Height in pixels. The peers have one size only: PeerWidth × PeerHeight.
	Width  int `json:"width"`
	Height int `json:"height"`
	FPS    int `json:"fps"`
	// Frames is the number of frames of each scene.
	Frames int `json:"frames"`
	// Scenes is how many are recorded at once.
	Scenes int `json:"scenes"`
	// Peers is the folder of capture.mjs.
	Peers string `json:"peers"`

	// Dir is the folder of the scene that is transcoded: its pieces, the finished video and the
	// bubble's pictures.
	Dir string `json:"dir,omitempty"`
	// Facecam is the URL of the presenter's video.
	Facecam string `json:"facecam,omitempty"`
	// Replica makes stages one of several transcoders that share the segments. Nil: it does all
	// that follows recording.
	Replica *replica `json:"replica,omitempty"`
}

// replica is one of several transcoders on a scene.
type replica struct {
	// Place counts from 0. Each takes every Count-th segment.
	Place int `json:"place"`
	Count int `json:"count"`
	// Facecam is what probe found out about the facecam, which is in Job.Dir.
	Facecam msg.ProbeFacts `json:"facecam"`
}

// The size of the peers' pictures, as capture.mjs has it.
const (
	PeerWidth  = 1920
	PeerHeight = 1080
)

// Check returns an error when the job cannot be measured.
func (j Job) Check() error {
	switch {
	case !slices.Contains(Tools, j.Tool) && j.Tool != stored && j.Tool != stages:
		return fmt.Errorf("there is no tool %q; there are %v", j.Tool, Tools)
	case j.Width < 1 || j.Height < 1 || j.FPS < 1 || j.Scenes < 1:
		return fmt.Errorf("%d scenes of %d×%d pixels at %d frames per second", j.Scenes, j.Width, j.Height, j.FPS)
	case j.Frames < 2:
		return fmt.Errorf("%d frames: a speed needs two at least", j.Frames)
	case j.Tool == Peer && (j.Width != PeerWidth || j.Height != PeerHeight):
		return fmt.Errorf("%s is measured at %d×%d pixels only", Peer, PeerWidth, PeerHeight)
	}
	return nil
}

// Scene is the result of one scene.
type Scene struct {
	// Frames is how many frames there are, which for a peer may be other than asked for; Distinct
	// how many pictures were taken and kept.
	Frames   int `json:"frames"`
	Distinct int `json:"distinct"`
	// Bytes is the size of what was made: the mezzanine, the mp4, or the pictures thrown away.
	Bytes int64 `json:"bytes"`
	// First, Finished and Done are moments, counted from where the worker began; see the package's
	// description.
	First    time.Duration `json:"first_ns"`
	Finished time.Duration `json:"finished_ns"`
	Done     time.Duration `json:"done_ns"`
	// Tasks are the tasks of our transcoder, in the order in which they were done, where it is
	// measured alone.
	Tasks []Task `json:"tasks,omitempty"`
}

// Task is what a task took, with no other beside it.
type Task struct {
	Kind msg.Kind `json:"kind"`
	// CPU is the CPU time, user and system.
	CPU   time.Duration `json:"cpu_ns"`
	Began time.Time     `json:"began"`
	Ended time.Time     `json:"ended"`
	// Facts are what it found out.
	Facts json.RawMessage `json:"facts"`
}

// Result is the result of one measurement.
type Result struct {
	Scenes []Scene `json:"scenes"`
	// CPU is the CPU time, user and system, of the worker and all that it started; GoCPU the part
	// that the worker itself used. For a peer the worker only waits.
	CPU   time.Duration `json:"cpu_ns"`
	GoCPU time.Duration `json:"go_cpu_ns"`
	// Memory is the most that the worker and all that it started had at a time, in bytes (PSS,
	// looked at every memoryEvery). Start fills it in.
	Memory int64 `json:"peak_memory_bytes"`
}

// Frames is the number of frames of all scenes together.
func (r Result) Frames() (n int) {
	for _, s := range r.Scenes {
		n += s.Frames
	}
	return n
}

// Distinct is the number of pictures of all scenes together.
func (r Result) Distinct() (n int) {
	for _, s := range r.Scenes {
		n += s.Distinct
	}
	return n
}

// Bytes is the size of what was made of all scenes together.
func (r Result) Bytes() (n int64) {
	for _, s := range r.Scenes {
		n += s.Bytes
	}
	return n
}

// CaptureFPS is how many frames all scenes together came to in a second, from the first frame of
// the scene that was first to where the last scene was finished. The first frame of each scene is
// what the time is counted from, so it does not count.
func (r Result) CaptureFPS() float64 {
	if len(r.Scenes) == 0 {
		return 0
	}
	first, last := r.Scenes[0].First, r.Scenes[0].Finished
	for _, s := range r.Scenes {
		first, last = min(first, s.First), max(last, s.Finished)
	}
	return perSecond(r.Frames()-len(r.Scenes), last-first)
}

// WholeFPS is how many frames all scenes together came to in a second, from where they were handed
// to the tool to where everything was gone: the start of browsers, loading and the end of browsers
// included.
func (r Result) WholeFPS() float64 {
	var last time.Duration
	for _, s := range r.Scenes {
		last = max(last, s.Done)
	}
	return perSecond(r.Frames(), last)
}

func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
