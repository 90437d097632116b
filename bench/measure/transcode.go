package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// Transcoded is what was measured on the transcoder: one scene with a facecam, next to what can be
// done by hand.
type Transcoded struct {
	// Frames of the scene, and how many Pieces it was recorded in.
	Frames  int             `json:"frames"`
	Pieces  int             `json:"pieces"`
	Turns   []TranscodeTurn `json:"turns"`
	Quality Quality         `json:"quality"`
}

// TranscodeTurn is what each had to do once.
type TranscodeTurn struct {
	Ours TranscodeCPU `json:"ours"`
	// OnePass is the CPU time of one FFmpeg that does the same.
	OnePass time.Duration `json:"one_pass_ns"`
	// Replicas has, by the number of transcoders less one, how long they took for all normalize
	// tasks. It is shorter than two when there are not as many cores.
	Replicas []Replicas `json:"replicas"`
}

// TranscodeCPU is the CPU time of our stages.
type TranscodeCPU struct {
	Probe     time.Duration `json:"probe_ns"`
	Normalize time.Duration `json:"normalize_ns"`
	Concat    time.Duration `json:"concat_ns"`
	// Overlay is without the quality gate, which is a part of it.
	Overlay time.Duration `json:"overlay_ns"`
	Gate    time.Duration `json:"gate_ns"`
}

// Sum is what is compared with OnePass, which has no gate and is told what probe finds out.
func (c TranscodeCPU) Sum() time.Duration { return c.Normalize + c.Concat + c.Overlay }

// Replicas is what transcoders took together, each with one slot on a core of its own.
type Replicas struct {
	Took time.Duration `json:"took_ns"`
	// Busy is the share of that time in which a slot had a task, of all slots together.
	Busy float64 `json:"busy"`
}

// transcoding is a recorded scene and its facecam, on which all is measured.
type transcoding struct {
	site    *Site
	job     Job
	timeout time.Duration
	cut     []int
	tools   tools
	// dir holds what is made by hand, and the pictures of the bubble that our stages have drawn.
	dir string
	// facecam is what probe found out.
	facecam msg.ProbeFacts
}

// The finished videos, in transcoding.dir.
const (
	fileOnePass = "one-pass.mp4"
	fileSecond  = "second.mp4"
)

// Transcode records a scene as job says, and measures what becomes of it in a number of turns, each
// step of which may take up to timeout. tell is told what is done. As for Start, the process may
// have no other children.
func Transcode(
	ctx context.Context, site *Site, job Job, turns int, timeout time.Duration, environ map[string]string, tell func(string),
) (made Transcoded, err error) {
	job.Tool, job.Scenes = Stored, 1
	if _, err := Start(ctx, job, timeout); err != nil {
		return Transcoded{}, fmt.Errorf("record the scene: %w", err)
	}
	tell("recorded")
	dir, err := os.MkdirTemp("", "bench-transcode-")
	if err != nil {
		return Transcoded{}, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	t := &transcoding{
		site: site, job: job, timeout: timeout, cut: plan.Pieces(msg.FPS(job.FPS), job.Frames), dir: dir, tools: newTools(environ),
	}
	made = Transcoded{Frames: job.Frames, Pieces: len(t.cut)}
	if err := t.step(ctx, t.makeFacecam); err != nil {
		return Transcoded{}, fmt.Errorf("make a facecam: %w", err)
	}
	cores, err := process.Cores()
	if err != nil {
		return Transcoded{}, err
	}
	for n := range turns {
		turn, err := t.turn(ctx, cores[:min(2, len(cores))])
		if err != nil {
			return Transcoded{}, fmt.Errorf("turn %d: %w", n+1, err)
		}
		made.Turns = append(made.Turns, turn)
		tell(fmt.Sprintf("turn %d: CPU time %.2f of one pass's", n+1, float64(turn.Ours.Sum())/float64(turn.OnePass)))
	}
	if made.Quality, err = t.quality(ctx); err != nil {
		return Transcoded{}, fmt.Errorf("compare pictures: %w", err)
	}
	return made, nil
}

// step does a part that may take as long as t.timeout.
func (t *transcoding) step(ctx context.Context, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout, fmt.Errorf("not done in %s", t.timeout))
	defer cancel()
	err := do(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (t *transcoding) turn(ctx context.Context, cores []int) (turn TranscodeTurn, err error) {
	err = t.step(ctx, func(ctx context.Context) (err error) {
		turn.Ours, err = t.ours(ctx)
		return err
	})
	if err != nil {
		return turn, err
	}
	err = t.step(ctx, func(ctx context.Context) (err error) {
		turn.OnePass, err = t.onePass(ctx)
		return err
	})
	if err != nil {
		return turn, err
	}
	if err := sameEncoder(t.site.path("0/"+msg.Video), filepath.Join(t.dir, fileOnePass)); err != nil {
		return turn, err
	}
	for n := range cores {
		err := t.step(ctx, func(ctx context.Context) error {
			came, err := t.replicas(ctx, cores[:n+1])
			turn.Replicas = append(turn.Replicas, came)
			return err
		})
		if err != nil {
			return turn, err
		}
	}
	return turn, nil
}

// ours takes the scene through our stages, as a render of one transcoder does.
func (t *transcoding) ours(ctx context.Context) (cpu TranscodeCPU, err error) {
	r, err := startReplica(ctx, anyCore)
	if err != nil {
		return cpu, err
	}
	defer func() { err = errors.Join(err, r.end()) }()
	rate, size := msg.FPS(t.job.FPS), t.job
	cpu.Probe, err = t.handle(r, msg.Probe, msg.ProbeParams{
		URL: t.site.Store() + "/" + fileCamera, Length: msg.Duration(rate.At(size.Frames)),
	}, nil, map[string]string{msg.FacecamFile: msg.FacecamFile}, &t.facecam)
	if err != nil {
		return cpu, err
	}
	segments, first := map[string]input{}, 0
	for i, frames := range t.cut {
		facts, used, err := t.normalize(r, i, first)
		if err != nil {
			return cpu, err
		}
		segments[msg.SegmentName(i)] = input{msg.SegmentName(i), facts}
		cpu.Normalize += used
		first += frames
	}
	var joined, video msg.VideoFacts
	cpu.Concat, err = t.handle(r, msg.Concat, msg.ConcatParams{
		Width: size.Width, Height: size.Height, Rate: rate, Frames: t.cut,
	}, segments, map[string]string{msg.Joined: msg.Joined}, &joined)
	if err != nil {
		return cpu, err
	}
	cpu.Overlay, err = t.handle(r, msg.Overlay, msg.OverlayParams{
		Width: size.Width, Height: size.Height, Rate: rate, Frames: size.Frames,
	}, map[string]input{msg.Joined: {msg.Joined, joined}, msg.FacecamFile: {msg.FacecamFile, t.facecam}}, map[string]string{
		msg.Video: msg.Video, msg.Thumbnail: msg.Thumbnail, msg.ThumbnailSmall: msg.ThumbnailSmall,
	}, &video)
	if err != nil {
		return cpu, err
	}
	if video.Report == nil {
		return cpu, errors.New("the finished video has no report")
	}
	cpu.Gate = time.Duration(video.Report.CPUSeconds * float64(time.Second))
	cpu.Overlay -= cpu.Gate
	return cpu, nil
}

// normalize makes a segment of the piece at place i, whose first frame is the scene's frame first.
func (t *transcoding) normalize(r *replica, i, first int) (facts msg.VideoFacts, cpu time.Duration, err error) {
	cpu, err = t.handle(r, msg.Normalize, msg.NormalizeParams{
		Scene: 1, Width: t.job.Width, Height: t.job.Height, Rate: msg.FPS(t.job.FPS), Frames: t.cut[i], FirstFrame: first, Facecam: true,
	}, map[string]input{msg.Mezzanine: {msg.PieceName(i), nil}, msg.FacecamFile: {msg.FacecamFile, t.facecam}},
		map[string]string{msg.Segment: msg.SegmentName(i)}, &facts)
	return facts, cpu, err
}

// handle has a task carried out in a folder of its own. The bubble's pictures in it are kept.
func (t *transcoding) handle(
	r *replica, kind msg.Kind, params any, inputs map[string]input, outputs map[string]string, facts any,
) (time.Duration, error) {
	grant, err := store{t.site.Store() + "/0"}.grant(kind, params, inputs, outputs)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp(t.dir, string(kind)+"-")
	if err != nil {
		return 0, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	cpu, err := r.handle(grant, dir, facts)
	if err != nil || kind != msg.Normalize {
		return cpu, err
	}
	for _, name := range []string{filePlate, fileMask} {
		// By renaming: a replica beside this one does the same.
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(t.dir, name)); err != nil {
			return 0, fmt.Errorf("keep the bubble's pictures: %w", err)
		}
	}
	return cpu, nil
}

// replicas has all pieces normalized by one transcoder on each of some cores. Each takes the next
// piece when it is done with one.
func (t *transcoding) replicas(ctx context.Context, cores []int) (came Replicas, err error) {
	list := make([]*replica, len(cores))
	for i, core := range cores {
		if list[i], err = startReplica(ctx, core); err != nil {
			return came, err
		}
		defer func() { err = errors.Join(err, list[i].end()) }() //nolint:revive // two at most, and they end together
	}
	type piece struct{ place, first int }
	pieces, first := make(chan piece, len(t.cut)), 0
	for i, frames := range t.cut {
		pieces <- piece{i, first}
		first += frames
	}
	close(pieces)
	busy := make([]time.Duration, len(list))
	var group errgroup.Group
	begin := time.Now()
	for i, r := range list {
		group.Go(func() error {
			for p := range pieces {
				started := time.Now()
				if _, _, err := t.normalize(r, p.place, p.first); err != nil {
					return err
				}
				busy[i] += time.Since(started)
			}
			return nil
		})
	}
	err = group.Wait()
	came.Took = time.Since(begin)
	for _, d := range busy {
		came.Busy += float64(d) / float64(came.Took) / float64(len(list))
	}
	return came, err
}
