package msg_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	renderID  = uuid.MustParse("01900000-0000-7000-8000-000000000001")
	taskID    = uuid.MustParse("01900000-0000-7000-8000-000000000002")
	requestID = uuid.MustParse("01900000-0000-7000-8000-000000000003")
)

func ref(kind msg.Kind) msg.Ref { return msg.NewRef(kind, renderID, taskID) }

func raw(t *testing.T, v any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// grantOf returns a grant of kind with these parameters and facts of its input.
func grantOf(t *testing.T, kind msg.Kind, params any, input string, facts any, output string) msg.GrantReply {
	t.Helper()
	g := &msg.Grant{
		Ref: ref(kind), Attempt: 2, Lease: msg.Duration(30 * time.Second), HeartbeatEvery: msg.Duration(3 * time.Second), Timeout: msg.Duration(20 * time.Minute),
		Params: raw(t, params),
	}
	if input != "" {
		g.Inputs = map[string]msg.Input{input: {Key: "r/t/a1/in", URL: "https://s3.example/in?X-Amz-Signature=1", Facts: raw(t, facts)}}
	}
	if output != "" {
		g.Outputs = map[string]msg.Output{output: {Key: "r/t/a2/out", URL: "https://s3.example/out?X-Amz-Signature=2", ContentType: "video/mp4"}}
	}
	return msg.GrantReply{Version: msg.Version, Verdict: msg.Granted, Grant: g}
}

// golden holds every message, by the name of its file.
func golden(t *testing.T) map[string]any {
	loudness := &msg.Loudness{Integrated: -23.5, TruePeak: -4.25, Range: 7, Threshold: -33.5, Offset: 0.5}
	video := msg.VideoFacts{Frames: 300, Bytes: 1_000_000, Sound: true}
	record := grantOf(t, msg.Record, msg.RecordParams{Scene: 1, URL: "https://example.com/?a=1&b=2", Width: 1920, Height: 1080,
		Rate: msg.FPS(60), Frames: 300, Pieces: []int{120, 180}}, "", nil, msg.PieceName(0))
	record.Grant.Bundle = &msg.Output{Key: "r/t/a2/failure.zip", URL: "https://s3.example/zip?X-Amz-Signature=3", ContentType: "application/zip"}
	parts := grantOf(t, msg.Overlay, msg.OverlayParams{Width: 1920, Height: 1080, Rate: msg.FPS(60), Frames: 450}, msg.Joined, video, msg.Video)
	joined, whole := parts.Grant.Inputs[msg.Joined], parts.Grant.Outputs[msg.Video]
	joined.Parts = msg.Parts{Bytes: 52428800, More: []msg.SignedURL{"https://s3.example/in.1?X-Amz-Signature=4"}}
	whole.Parts = msg.Parts{Bytes: 52428800, More: []msg.SignedURL{"https://s3.example/out.1?X-Amz-Signature=5", "https://s3.example/out.2?X-Amz-Signature=6"}}
	parts.Grant.Inputs[msg.Joined], parts.Grant.Outputs[msg.Video] = joined, whole
	return map[string]any{
		"grant-parts":   parts,
		"task":          msg.Task{Ref: ref(msg.Record)},
		"grant-request": msg.GrantRequest{Ref: ref(msg.Record), Worker: "recorder-1", RequestID: requestID, Tools: "1.2 HeadlessChrome/156.0.7977.2 exact"},
		"grant-drop":    msg.GrantReply{Version: msg.Version, Verdict: msg.Drop, Reason: "the task is over"},
		"grant-later": msg.GrantReply{Version: msg.Version, Verdict: msg.Later, Reason: "the task waits before it is tried again",
			RetryAfter: msg.Duration(1500 * time.Millisecond)},
		"grant-rest": msg.GrantReply{Version: msg.Version, Verdict: msg.Later, Reason: "the worker keeps failing what others can do, and rests",
			Rest: msg.Duration(time.Minute)},
		"grant-record": record,
		"grant-probe":  grantOf(t, msg.Probe, msg.ProbeParams{URL: "https://example.com/face.mp4"}, "", nil, msg.FacecamFile),
		"watch":        msg.Watch{Version: msg.Version, RenderID: renderID, For: msg.Duration(10 * time.Second)},
		"grant-preflight": grantOf(t, msg.Preflight, msg.PreflightParams{Scene: 3, URL: "https://example.com/?a=1", Width: 1920, Height: 1080},
			"", nil, msg.Picture),
		"result-preflight": msg.Result{Ref: ref(msg.Preflight), Attempt: 1, Worker: "recorder-1", Outcome: msg.Done, Elapsed: msg.Duration(2 * time.Second),
			Facts: raw(t, msg.PreflightFacts{
				Findings: []msg.Finding{{Class: msg.ClassLogin, Code: msg.CodeSceneLogin, Reason: "It asks for a login.", Advice: "Use another page."}},
				Fails:    true, Address: "https://example.com/login", Status: 200, Load: msg.Duration(1200 * time.Millisecond),
				Warnings: []msg.Warning{{Code: msg.CodePageIncomplete, Scene: 3, Message: "It is not all there."}},
				Picture:  true, Width: 960, Height: 540,
			})},
		"grant-draw": grantOf(t, msg.Draw, msg.DrawParams{URL: "https://example.com/logo.png", Width: 230, Height: 1016, Opacity: 0.8},
			"", nil, msg.WatermarkFile),
		"grant-normalize": grantOf(t, msg.Normalize, msg.NormalizeParams{Scene: 2, Width: 1920, Height: 1080,
			Rate: msg.Rate{Num: 30000, Den: 1001}, Frames: 150, FirstFrame: 300, Facecam: true},
			msg.Mezzanine, msg.RecordFacts{Frames: 150, Distinct: 12, Bytes: 654321}, msg.Segment),
		"grant-concat": grantOf(t, msg.Concat, msg.ConcatParams{Width: 1920, Height: 1080, Rate: msg.FPS(60), Frames: []int{300, 150}, Final: true},
			msg.SegmentName(0), video, msg.Video),
		"grant-overlay": grantOf(t, msg.Overlay, msg.OverlayParams{Width: 1920, Height: 1080, Rate: msg.FPS(60), Frames: 450},
			msg.FacecamFile, msg.ProbeFacts{Bytes: 5_000_000, DurationMS: 12_345, Width: 720, Height: 1280, VideoStream: 1, AudioStream: 0,
				VideoCodec: "h264", AudioCodec: "aac", Seekable: true, SoundMS: 12400, Loudness: loudness}, msg.Video),
		"grant-upload": grantOf(t, msg.Upload, msg.UploadParams{}, msg.Video, video, ""),
		"heartbeat":    msg.Heartbeat{Ref: ref(msg.Normalize), Attempt: 2, Worker: "transcoder-1", Progress: 0.25},
		"heartbeat-stored": msg.Heartbeat{Ref: ref(msg.Record), Attempt: 1, Worker: "recorder-1", Progress: 0.5,
			Stored: []string{msg.PieceName(0), msg.PieceName(1)}},
		"heartbeat-also": msg.Heartbeat{Ref: ref(msg.Normalize), Attempt: 2, Worker: "transcoder-1", Progress: 0.25,
			Also: []msg.Heartbeat{{Ref: ref(msg.Concat), Attempt: 1, Worker: "transcoder-1", Progress: 0.5}}},
		"heartbeat-also-reply": msg.HeartbeatReply{Version: msg.Version, Also: []msg.HeartbeatReply{{Version: msg.Version, Stop: true}}},
		"heartbeat-go-on":      msg.HeartbeatReply{Version: msg.Version},
		"heartbeat-stop":       msg.HeartbeatReply{Version: msg.Version, Stop: true, Reason: "the attempt is over"},
		"result-done": msg.Result{Ref: ref(msg.Record), Attempt: 2, Worker: "recorder-1", Outcome: msg.Done,
			Facts: raw(t, msg.RecordFacts{Frames: 300, Distinct: 40, Bytes: 123456}), Elapsed: msg.Duration(4321 * time.Millisecond)},
		"result-used": msg.Result{Ref: ref(msg.Normalize), Attempt: 1, Worker: "transcoder-1", Outcome: msg.Done,
			Facts: raw(t, video), Elapsed: msg.Duration(4321 * time.Millisecond),
			Used: &msg.Usage{Children: msg.Duration(7654 * time.Millisecond), Worker: msg.Duration(98 * time.Millisecond), In: 654321, Out: 1_000_000, Web: 5}},
		"result-failed": msg.Result{Ref: ref(msg.Record), Attempt: 1, Worker: "recorder-1", Outcome: msg.Failed,
			Failure: &msg.Failure{Code: msg.CodeSceneStatus, Message: "The page of scene 1 answered with an error (404).",
				Detail: "GET https://example.com: 404", Permanent: true, Bundle: true}, Elapsed: msg.Duration(time.Second)},
		"result-handed-back": msg.Result{Ref: ref(msg.Upload), Attempt: 3, Worker: "uploader-1", Outcome: msg.HandedBack,
			Reason: "the worker stops", Facts: nil, Elapsed: msg.Duration(0)},
		"result-upload": msg.Result{Ref: ref(msg.Upload), Attempt: 1, Worker: "uploader-1", Outcome: msg.Done,
			Facts: raw(t, msg.UploadFacts{VideoKey: "render/task.mp4", ThumbnailKey: "render/task.jpg", ThumbnailSmallKey: "render/task-small.jpg"})},
		"cancel": msg.Cancel{Version: msg.Version, RenderID: renderID},
		"event-progress": msg.Event{Version: msg.Version, RenderID: renderID, What: msg.EventProgress, Status: "normalizing", Progress: 42,
			At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		"event-ended": msg.Event{Version: msg.Version, RenderID: renderID, What: msg.EventEnded, Status: "failed", Progress: 42,
			Code: msg.CodeSceneTimeout, Message: "Scene 1 did not load.", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
	}
}

// roundTrip encodes, and decodes what the golden file holds.
func roundTrip(m any, file []byte) (encoded []byte, decoded any, err error) {
	switch m := m.(type) {
	case msg.Task:
		return both(m, file)
	case msg.GrantRequest:
		return both(m, file)
	case msg.GrantReply:
		return both(m, file)
	case msg.Heartbeat:
		return both(m, file)
	case msg.HeartbeatReply:
		return both(m, file)
	case msg.Result:
		return both(m, file)
	case msg.Cancel:
		return both(m, file)
	case msg.Watch:
		return both(m, file)
	case msg.Event:
		return both(m, file)
	}
	panic("no message")
}

func both[M msg.Message](m M, file []byte) ([]byte, any, error) {
	encoded, err := msg.Encode(m)
	if err != nil || file == nil {
		return encoded, nil, err
	}
	decoded, err := msg.Decode[M](file)
	return encoded, decoded, err
}

// A change of these files is a change of contract: another release is running beside this one.
func TestMessagesAreAsInTheGoldenFiles(t *testing.T) {
	all := golden(t)
	for name, m := range all {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".json")
			if *update {
				encoded, _, err := roundTrip(m, nil)
				if err != nil {
					t.Fatal(err)
				}
				var pretty bytes.Buffer
				if err := json.Indent(&pretty, encoded, "", "  "); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, append(pretty.Bytes(), '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			if err := json.Compact(&want, file); err != nil {
				t.Fatal(err)
			}
			encoded, decoded, err := roundTrip(m, want.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(encoded, want.Bytes()) {
				t.Errorf("written as\n%s\nwant\n%s", encoded, want.Bytes())
			}
			if !reflect.DeepEqual(decoded, m) {
				t.Errorf("read as\n%+v\nwant\n%+v", decoded, m)
			}
		})
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if _, known := all[strings.TrimSuffix(filepath.Base(path), ".json")]; !known {
			t.Errorf("%s is of no message", path)
		}
	}
}

func TestTaskMessagesHoldNothingButIDs(t *testing.T) {
	data, err := msg.Encode(msg.Task{Ref: ref(msg.Record)})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"kind", "render_id", "task_id", "v"}; !slices.Equal(names, want) {
		t.Errorf("a task message holds %v, want %v", names, want)
	}
}
