package plan_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// defaultMaxPayload is a NATS server's, in bytes.
const defaultMaxPayload = 1 << 20

// Campaigns that go to every bound of package budget: the grants of all of their tasks are messages
// that a NATS server takes.
func TestTheLargestGrantOfEveryKindFitsIntoAMessage(t *testing.T) {
	if budget.Message > defaultMaxPayload {
		t.Errorf("a message of %d bytes is more than a server takes", budget.Message)
	}
	address := "https://example.com/" + strings.Repeat("&", budget.URL-len("https://example.com/"))
	captions := func(show string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"transition": {"kind": "crossfade"}, "captions": {"show": %q, "text": %q}, "watermark": {"url": %q}}`,
			show, strings.Repeat("00:00:01.0 --> 01:59:02.0\n<<<<<<<<<<<<\n\n", 1200), address))
	}
	most := scenes(slices.Repeat([]int{14}, budget.Scenes)...)
	crossfaded := scenes(slices.Repeat([]int{24}, budget.Crossfaded)...)
	largest := map[msg.Kind]grantSize{}
	for name, c := range map[string]plan.Campaign{
		"large options":   {Scenes: []plan.Scene{{URL: &address, Seconds: ptr(3600), Options: largestOptions(t)}}},
		"the most scenes": {Scenes: most, FacecamURL: &address},
		"a mixture":       {Scenes: append(scenes(slices.Repeat([]int{1}, 400)...), scenes(slices.Repeat([]int{68}, 100)...)...)},
		"long scenes":     {Scenes: scenes(3600, 3600), OutputFPS: ptr(plan.MaxFPS)},
		"a track":         {Scenes: crossfaded, OutputOptions: captions("track")},
		"burnt captions":  {Scenes: scenes(600, 600), OutputOptions: captions("burn"), FacecamURL: &address, FacecamOptions: manyMoments()},
		"sound, a track":  {Scenes: crossfaded, OutputOptions: captions("track"), FacecamURL: &address, FacecamOptions: manyMoments()},
	} {
		for kind, size := range largestGrants(t, build(t, c)) {
			size.campaign = name
			if size.total() > largest[kind].total() {
				largest[kind] = size
			}
		}
	}
	if len(largest) != 7 {
		t.Errorf("grants of %d kinds were made: %v", len(largest), slices.Sorted(maps.Keys(largest)))
	}
	for _, kind := range slices.Sorted(maps.Keys(largest)) {
		s := largest[kind]
		t.Logf("%-9s %6d bytes (parameters %6d, files %6d, facts %6d), %6d to spare: %s",
			kind, s.total(), s.params, s.files, s.facts, budget.Message-s.total(), s.campaign)
		if s.total() > budget.Message {
			t.Errorf("%s: its grant has %d bytes, more than %d", kind, s.total(), budget.Message)
		}
		if s.count > 0 && s.files/s.count > budget.File {
			t.Errorf("%s: a file takes %d bytes, more than %d", kind, s.files/s.count, budget.File)
		}
	}
	if n := largest[msg.Record]; n.params < budget.SceneOptions || n.count < 200 {
		t.Errorf("only %d bytes of options and %d pieces were tried", n.params, n.count)
	}
	if n := largest[msg.Concat]; n.count < budget.Segments-10 {
		t.Errorf("only %d segments were tried", n.count)
	}
}

// grantSize is what a grant takes, in bytes.
type grantSize struct {
	// params is everything but inputs and outputs, which are in files, and facts.
	params, files, facts int
	// count is the number of files.
	count    int
	campaign string
}

func (s grantSize) total() int { return s.params + s.files + s.facts }

// largestGrants returns the size of the largest grant of each kind.
func largestGrants(t *testing.T, tasks []plan.Task) map[msg.Kind]grantSize {
	t.Helper()
	facts, total, largest := map[uuid.UUID]json.RawMessage{}, map[msg.Kind]int{}, map[msg.Kind]plan.Task{}
	var joined msg.VideoFacts
	for _, task := range tasks {
		facts[task.ID] = json.RawMessage(`{"facts": "` + strings.Repeat("x", 2000) + `"}`)
		switch p := task.Params.(type) {
		case msg.NormalizeParams:
			made := segmentFacts(p)
			joined.Fingerprints, joined.Changes = append(joined.Fingerprints, made.Fingerprints...), append(joined.Changes, made.Changes...)
			facts[task.ID] = encode(t, made)
		case msg.ConcatParams:
			if !p.Final {
				facts[task.ID] = encode(t, joined)
			}
		}
		if n := encodedGrant(t, task, true, facts); n > total[task.Kind] {
			total[task.Kind], largest[task.Kind] = n, task
		}
	}
	sizes := map[msg.Kind]grantSize{}
	for kind, task := range largest {
		s := grantSize{count: len(task.Inputs) + len(task.Outputs)}
		s.params = encodedGrant(t, task, false, nil)
		s.files = encodedGrant(t, task, true, nil) - s.params
		s.facts = total[kind] - s.params - s.files
		sizes[kind] = s
	}
	return sizes
}

// encodedGrant returns the size of a task's grant, with inputs and outputs or without, and with
// facts of these tasks.
func encodedGrant(t *testing.T, task plan.Task, files bool, facts map[uuid.UUID]json.RawMessage) int {
	t.Helper()
	grant := &msg.Grant{
		Ref: msg.NewRef(task.Kind, task.ID, task.ID), Attempt: 1, Lease: msg.Duration(time.Second), Timeout: msg.Duration(time.Hour),
		HeartbeatEvery: msg.Duration(time.Second), Params: encode(t, task.Params), Inputs: map[string]msg.Input{}, Outputs: map[string]msg.Output{},
	}
	if task.Kind == msg.Record {
		key, url := signed("failure-bundle.zip")
		grant.Bundle = &msg.Output{Key: key, URL: url, ContentType: "application/zip"}
	}
	if files {
		for name, in := range task.Inputs {
			key, url := signed("mezzanine-0000.mov")
			grant.Inputs[name] = msg.Input{Key: key, URL: url, Facts: facts[in.Task]}
		}
		for name, out := range task.Outputs {
			key, url := signed(out.File)
			grant.Outputs[name] = msg.Output{Key: key, URL: url, ContentType: out.ContentType}
		}
	}
	return len(encode(t, msg.GrantReply{Version: msg.Version, Verdict: msg.Granted, Grant: grant}))
}

// signed is a long key of an object with this name, and a long URL of it.
func signed(file string) (key string, url msg.SignedURL) {
	key = strings.Repeat("k", 2*37) + "a100/" + file
	return key, msg.SignedURL("https://abcdefghijklmnopqrst.storage.supabase.co/storage/v1/s3/loom-work/" + key + "?" +
		strings.Repeat("&", 9) + strings.Repeat("q", 380))
}

// segmentFacts are what normalize finds out about a segment.
func segmentFacts(p msg.NormalizeParams) msg.VideoFacts {
	cells := make([]byte, msg.FingerprintSide*msg.FingerprintSide)
	return msg.VideoFacts{
		Frames: p.Frames, Bytes: 1234567890, Parameters: strings.Repeat("0", 64),
		Fingerprints: []msg.Fingerprint{{Frame: 1000, Cells: cells}, {Frame: 1000, Cells: cells}},
		Changes:      []msg.Changes{{Frame: p.FirstFrame, Step: 15, Levels: make([]byte, p.Frames/15)}},
	}
}

// largestOptions are made of the characters that JSON writes with the most bytes, up to the bound.
func largestOptions(t *testing.T) (options json.RawMessage) {
	t.Helper()
	for n := 16 << 10; n <= 64<<10; n += 512 {
		text := json.RawMessage(fmt.Sprintf(`{"css": %[1]q, "js": %[1]q}`, strings.Repeat("<", n)))
		campaign := plan.Campaign{Scenes: []plan.Scene{{URL: ptr("https://example.com"), Seconds: ptr(1), Options: text}}}
		if _, invalid := plan.Read(campaign, limits); invalid != nil {
			return options
		}
		options = text
	}
	t.Fatal("options have no bound")
	return nil
}

// manyMoments are as many as may be in which the facecam fills the picture.
func manyMoments() json.RawMessage {
	var list []string
	for i := range 50 {
		list = append(list, fmt.Sprintf(`{"at": %d, "seconds": 10.5, "ease": 0.333}`, 20*i))
	}
	return json.RawMessage(`{"fullscreen": [` + strings.Join(list, ", ") + `]}`)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
