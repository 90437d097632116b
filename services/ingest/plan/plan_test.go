package plan_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

var update = flag.Bool("update", false, "write the golden files")

var limits = plan.Limits{Scene: time.Hour, Render: 2 * time.Hour}

func ptr[T any](v T) *T { return &v }

// scenes returns scenes of these many seconds.
func scenes(seconds ...int) (list []plan.Scene) {
	for i, s := range seconds {
		list = append(list, plan.Scene{URL: ptr(fmt.Sprintf("https://example.com/%d", i+1)), Seconds: ptr(s), OrderIndex: ptr(float64(i))})
	}
	return list
}

// counter returns ids that count.
func counter() func() uuid.UUID {
	n := 0
	return func() uuid.UUID {
		n++
		return uuid.MustParse(fmt.Sprintf("00000000-0000-7000-8000-%012d", n))
	}
}

// build reads a campaign, which must be valid, and plans it.
func build(t *testing.T, c plan.Campaign) []plan.Task {
	t.Helper()
	render, invalid := plan.Read(c, limits)
	if invalid != nil {
		t.Fatal(invalid)
	}
	return plan.Build(render, 0, counter())
}

func TestPlansAreAsInTheGoldenFiles(t *testing.T) {
	for name, c := range map[string]plan.Campaign{
		"defaults": {Scenes: scenes(2)},
		"facecam": {Scenes: scenes(2, 5), FacecamURL: ptr(" https://example.com/face.mp4\n"),
			OutputWidth: ptr(1280), OutputHeight: ptr(720), OutputFPS: ptr(30), FacecamOptions: json.RawMessage(
				`{"corner": "top-right", "mirror": true, "fullscreen": [{"at": "start", "seconds": 2}, {"at": "end", "seconds": 1.5, "ease": 1}]}`)},
		"without-facecam": {Scenes: scenes(1, 2, 3), FacecamURL: ptr(""),
			OutputWidth: ptr(1080), OutputHeight: ptr(1920), OutputFPS: ptr(25)},
		"options": {Scenes: []plan.Scene{
			{URL: ptr("https://example.com/1"), Seconds: ptr(3), Options: json.RawMessage(`{
				"viewport": {"width": 375, "height": 667, "device_scale_factor": 2, "background": "#f4f1ea"}, "mobile": true,
				"headers": {"X-Preview": "spring"}, "scroll": {"to": "end", "seconds": 2.5}, "actions": [{"do": "click", "selector": "a", "at": 0}]}`)},
			{URL: ptr("https://example.com/2"), Seconds: ptr(1), Options: json.RawMessage(
				`{"viewport": {"width": 640, "height": 360, "device_scale_factor": 2}, "color_scheme": "dark"}`)},
			{URL: ptr("https://example.com/3"), Seconds: ptr(1), Options: json.RawMessage(`null`)},
		}, OutputWidth: ptr(1280), OutputHeight: ptr(720), OutputFPS: ptr(30)},
		"output": {Scenes: scenes(3, 2, 2), FacecamURL: ptr("https://example.com/face.mp4"), OutputFPS: ptr(60), OutputRate: ptr("29.97"),
			OutputOptions: json.RawMessage(`{"quality": "high", "thumbnail_at": 1.5, "preview": {"at": 2, "play_button": true}, "share": {"title": "Hello"}, "transition": {"kind": "crossfade", "seconds": 0.5},
				"loudness": {"integrated_lufs": -14}, "watermark": {"url": "https://example.com/logo.png", "opacity": 0.8}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.MarshalIndent(build(t, c), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(got)+"\n" != string(want) {
				t.Errorf("the plan is not that of %s (-update writes it):\n%s", path, got)
			}
		})
	}
}

// What every plan promises, whatever the campaign.
func TestEveryPlanIsAGraphThatAddsUp(t *testing.T) {
	for _, facecam := range []string{"", "https://example.com/face.webm"} {
		for _, n := range []int{1, 2, 17, 300, budget.Scenes} {
			for _, crossfade := range []int{0, 30} {
				if crossfade > 0 && n > 300 {
					continue
				}
				t.Run(fmt.Sprintf("%d scenes, facecam %v, crossfades of %d frames", n, facecam != "", crossfade), func(t *testing.T) {
					c := plan.Campaign{FacecamURL: &facecam}
					if crossfade > 0 {
						c.OutputOptions = json.RawMessage(`{"transition": {"kind": "crossfade"}}`)
					}
					total := 0
					for i := range n {
						c.Scenes = append(c.Scenes, scenes(1+i%7)...)
						total += (1 + i%7) * 60
					}
					checkGraph(t, build(t, c), total, (n-1)*crossfade)
				})
			}
		}
	}
}

// checkGraph checks a plan of total frames whose scenes are recorded for so many frames more, for
// transitions.
func checkGraph(t *testing.T, tasks []plan.Task, total, more int) {
	t.Helper()
	pieces, read := 0, map[plan.Input]bool{}
	made := map[uuid.UUID]plan.Task{}
	needed := map[uuid.UUID]bool{}
	weight, recorded, timeline := 0.0, 0, 0
	for _, task := range tasks {
		for _, id := range task.Needs {
			if _, earlier := made[id]; !earlier {
				t.Errorf("%s %d needs %s, which is not before it", task.Kind, task.Seq, id)
			}
			needed[id] = true
		}
		for name, in := range task.Inputs {
			if !slices.Contains(task.Needs, in.Task) {
				t.Errorf("%s %d reads %s of a task that it does not need", task.Kind, task.Seq, name)
			}
			if _, written := made[in.Task].Outputs[in.Output]; !written {
				t.Errorf("%s %d reads %s, which no task writes", task.Kind, task.Seq, in.Output)
			}
		}
		if task.Weight <= 0 {
			t.Errorf("%s %d weighs %v", task.Kind, task.Seq, task.Weight)
		}
		weight += task.Weight
		switch p := task.Params.(type) {
		case msg.RecordParams:
			recorded += p.Frames
			checkPieces(t, p, task)
			pieces += len(p.Pieces)
		case msg.NormalizeParams:
			read[task.Inputs[msg.Mezzanine]] = true
			if p.Crossfade {
				read[task.Inputs[msg.MezzanineNext]] = true
			}
			if p.FirstFrame != timeline {
				t.Errorf("segment %d starts at frame %d, want %d", task.Seq, p.FirstFrame, timeline)
			}
			timeline += p.Frames
		case msg.ConcatParams:
			sum := 0
			for _, n := range p.Frames {
				sum += n
			}
			if sum != total || len(task.Inputs) != len(p.Frames) {
				t.Errorf("concat joins %d inputs of %d frames, want %d frames", len(task.Inputs), sum, total)
			}
		case msg.OverlayParams:
			if p.Frames != total {
				t.Errorf("overlay has %d frames, want %d", p.Frames, total)
			}
		}
		made[task.ID] = task
	}
	if recorded != total+more || timeline != total {
		t.Errorf("%d frames recorded and %d on the timeline, want %d and %d", recorded, timeline, total+more, total)
	}
	if len(read) != pieces {
		t.Errorf("%d of %d pieces are read", len(read), pieces)
	}
	if weight > 1+1e-9 || weight < 0.9 || math.IsNaN(weight) {
		t.Errorf("the tasks weigh %v together", weight)
	}
	// One end, and everything leads to it.
	for i, task := range tasks {
		if last := i == len(tasks)-1; needed[task.ID] == last || last != (task.Kind == msg.Upload) {
			t.Errorf("%s %d: needed %v, last %v", task.Kind, task.Seq, needed[task.ID], last)
		}
	}
}

// checkPieces makes sure that pieces are the scene, cut at keyframes.
func checkPieces(t *testing.T, p msg.RecordParams, task plan.Task) {
	t.Helper()
	sum := 0
	for i, n := range p.Pieces {
		if _, ok := task.Outputs[msg.PieceName(i)]; !ok || n < 1 {
			t.Errorf("piece %d of scene %d has %d frames and goes nowhere, or has none", i, p.Scene, n)
		}
		// A transition's is as long as the transition.
		if i < len(p.Pieces)-1 && n%p.Rate.GOP() != 0 && n != 30 && p.Pieces[i+1] != 30 {
			t.Errorf("piece %d of scene %d has %d frames: the cut adds a keyframe", i, p.Scene, n)
		}
		sum += n
	}
	if sum != p.Frames || len(task.Outputs) != len(p.Pieces) {
		t.Errorf("scene %d has %d frames in %d outputs, and %d in %d pieces", p.Scene, p.Frames, len(task.Outputs), sum, len(p.Pieces))
	}
}

// Short enough that many transcoders share a scene and the last piece is soon done; long enough to
// be worth a task.
func TestScenesAreCutIntoPiecesOfAFewSeconds(t *testing.T) {
	for _, c := range []struct {
		fps     int
		seconds []int
		// want are the pieces of the first scene, in seconds.
		want []int
	}{
		{60, []int{1}, []int{1}},
		{60, []int{2}, []int{2}},
		{60, []int{5}, []int{2, 2, 1}},
		{24, []int{30}, slices.Repeat([]int{2}, 15)},
		{60, []int{60}, slices.Repeat([]int{4}, 15)},
		{1, []int{4}, []int{2, 2}},
		{30, []int{1200}, slices.Repeat([]int{10}, 120)},
		{30, []int{3600, 3600}, slices.Repeat([]int{16}, 225)},
		{30, slices.Repeat([]int{14}, 500), []int{14}},
	} {
		campaign := plan.Campaign{Scenes: scenes(c.seconds...), OutputFPS: &c.fps}
		p, _ := build(t, campaign)[0].Params.(msg.RecordParams)
		var got []int
		for _, n := range p.Pieces {
			got = append(got, n/c.fps)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v s at %d frames a second: the first scene is cut into %v s, want %v", c.seconds, c.fps, got, c.want)
		}
	}
}

// One long scene is work for 15 transcoders at once, or one with 15 slots: its segments are about
// as long as each other, each of a piece that no other needs, and none waits for another.
func TestAMinutesSceneKeepsManyTranscodersBusy(t *testing.T) {
	const slots = 15
	for _, rate := range []string{"1", "23.976", "24", "25", "29.97", "30", "50", "59.94", "60", "120"} {
		for _, facecam := range []string{"", "https://example.com/face.mp4"} {
			tasks := build(t, plan.Campaign{Scenes: scenes(60), OutputRate: &rate, FacecamURL: &facecam})
			made, pieces := map[uuid.UUID]msg.Kind{}, map[plan.Input]bool{}
			longest, all := 0, 0
			for _, task := range tasks {
				made[task.ID] = task.Kind
				p, ok := task.Params.(msg.NormalizeParams)
				if !ok {
					continue
				}
				longest, all, pieces[task.Inputs[msg.Mezzanine]] = max(longest, p.Frames), all+p.Frames, true
				for _, id := range task.Needs {
					if made[id] != msg.Record && made[id] != msg.Probe && made[id] != msg.Draw {
						t.Errorf("%s fps: segment %d waits for a task %s", rate, task.Seq, made[id])
					}
				}
			}
			if len(pieces) < slots || longest > 2*all/slots {
				t.Errorf("%s fps: %d segments at once, the longest of %d frames of %d; want %d, of much the same length", rate, len(pieces), longest, all, slots)
			}
		}
	}
}

// A caption that is shown over cuts and transitions is drawn on each segment for its part of the
// time, without a gap.
func TestBurntCaptionsAreCutWhereSegmentsAre(t *testing.T) {
	c := plan.Campaign{Scenes: scenes(3, 5, 2), OutputRate: ptr("29.97"), OutputOptions: json.RawMessage(
		`{"transition": {"kind": "crossfade"}, "captions": {"show": "burn", "text": "00:00:01.250 --> 00:00:09.100\nHello"}}`)}
	at, segments := 1250*time.Millisecond, 0
	for _, task := range build(t, c) {
		p, normalizes := task.Params.(msg.NormalizeParams)
		if !normalizes {
			continue
		}
		begin := p.Rate.At(p.FirstFrame)
		for _, said := range p.Captions {
			from, to := begin+time.Duration(said.From), begin+time.Duration(said.To)
			if said.Text != "Hello" || (from-at).Abs() > time.Millisecond || to > p.Rate.At(p.FirstFrame+p.Frames) {
				t.Errorf("segment %d shows %q from %s to %s, want it from %s", task.Seq, said.Text, from, to, at)
			}
			at = to
			segments++
		}
	}
	if at != 9100*time.Millisecond || segments < 5 {
		t.Errorf("it is shown on %d segments until %s", segments, at)
	}
}

func TestTheTrackOfCaptionsGoesToTheTaskThatFinishesTheVideo(t *testing.T) {
	for _, facecam := range []*string{nil, ptr("https://example.com/face.mp4")} {
		for show, want := range map[string]string{"track": "Hello deu", "burn": ""} {
			c := plan.Campaign{Scenes: scenes(3), FacecamURL: facecam, OutputOptions: json.RawMessage(
				`{"captions": {"language": "de", "text": "00:00:01.250 --> 00:00:02.100\nHello", "show": "` + show + `"}}`)}
			said := map[msg.Kind]string{}
			add := func(kind msg.Kind, captions []msg.Caption, language string) {
				for _, caption := range captions {
					said[kind] += caption.Text + " "
				}
				said[kind] += language
			}
			for _, task := range build(t, c) {
				switch p := task.Params.(type) {
				case msg.ConcatParams:
					add(msg.Concat, p.Captions, p.Language)
				case msg.OverlayParams:
					add(msg.Overlay, p.Captions, p.Language)
				}
			}
			last, other := msg.Concat, msg.Overlay
			if facecam != nil {
				last, other = other, last
			}
			if said[last] != want || said[other] != "" {
				t.Errorf("%s, facecam %v: %q", show, facecam != nil, said)
			}
		}
	}
}
