package msg_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

const ids = `"render_id": "01900000-0000-7000-8000-000000000001", "task_id": "01900000-0000-7000-8000-000000000002"`

func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		decode func([]byte) error
		data   string
		want   error
	}{
		"nothing":                   {decode[msg.Task], "", msg.ErrMalformed},
		"not JSON":                  {decode[msg.Task], "task", msg.ErrMalformed},
		"not an object":             {decode[msg.Task], `[1]`, msg.ErrMalformed},
		"no version":                {decode[msg.Task], `{"kind": "record", ` + ids + `}`, msg.ErrMalformed},
		"version null":              {decode[msg.Task], `{"v": null, "kind": "record", ` + ids + `}`, msg.ErrMalformed},
		"another version":           {decode[msg.Task], `{"v": 2, "kind": "record", ` + ids + `}`, msg.ErrVersion},
		"another version's form":    {decode[msg.Task], `{"v": 2, "kind": {"of": "another"}}`, msg.ErrVersion},
		"unknown kind":              {decode[msg.Task], `{"v": 1, "kind": "paint", ` + ids + `}`, msg.ErrMalformed},
		"no ids":                    {decode[msg.Task], `{"v": 1, "kind": "record"}`, msg.ErrMalformed},
		"an id that is none":        {decode[msg.Task], `{"v": 1, "kind": "record", "render_id": "x", "task_id": "y"}`, msg.ErrMalformed},
		"too long":                  {decode[msg.Task], `{"v": 1, "x": "` + strings.Repeat("x", msg.MaxSize) + `"}`, msg.ErrMalformed},
		"no worker":                 {decode[msg.GrantRequest], `{"v": 1, "kind": "record", ` + ids + `}`, msg.ErrMalformed},
		"unknown verdict":           {decode[msg.GrantReply], `{"v": 1, "verdict": "maybe"}`, msg.ErrMalformed},
		"granted nothing":           {decode[msg.GrantReply], `{"v": 1, "verdict": "granted"}`, msg.ErrMalformed},
		"grant without attempt":     {decode[msg.GrantReply], `{"v": 1, "verdict": "granted", "grant": {"v": 1, "kind": "record", ` + ids + `, "lease_ms": 1, "heartbeat_every_ms": 1}}`, msg.ErrMalformed},
		"progress above 1":          {decode[msg.Heartbeat], `{"v": 1, "kind": "record", ` + ids + `, "attempt": 1, "progress": 1.5}`, msg.ErrMalformed},
		"progress below 0":          {decode[msg.Heartbeat], `{"v": 1, "kind": "record", ` + ids + `, "attempt": 1, "progress": -1}`, msg.ErrMalformed},
		"heartbeats of two streams": {decode[msg.Heartbeat], `{"v": 1, "kind": "record", ` + ids + `, "attempt": 1, "also": [{"v": 1, "kind": "upload", ` + ids + `, "attempt": 1}]}`, msg.ErrMalformed},
		"heartbeats in those":       {decode[msg.Heartbeat], `{"v": 1, "kind": "record", ` + ids + `, "attempt": 1, "also": [{"v": 1, "kind": "record", ` + ids + `, "attempt": 1, "also": [{"v": 1, "kind": "record", ` + ids + `, "attempt": 1}]}]}`, msg.ErrMalformed},
		"attempt 0":                 {decode[msg.Result], `{"v": 1, "kind": "record", ` + ids + `, "outcome": "done"}`, msg.ErrMalformed},
		"unknown outcome":           {decode[msg.Result], `{"v": 1, "kind": "record", ` + ids + `, "attempt": 1, "outcome": "so-so"}`, msg.ErrMalformed},
		"failed without why":        {decode[msg.Result], `{"v": 1, "kind": "record", ` + ids + `, "attempt": 1, "outcome": "failed"}`, msg.ErrMalformed},
		"cancel of nothing":         {decode[msg.Cancel], `{"v": 1}`, msg.ErrMalformed},
		"event of nothing":          {decode[msg.Event], `{"v": 1, "what": "ended"}`, msg.ErrMalformed},
		"heartbeat reply, v 0":      {decode[msg.HeartbeatReply], `{"v": 0, "stop": true}`, msg.ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.decode([]byte(c.data)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func decode[M msg.Message](data []byte) error {
	_, err := msg.Decode[M](data)
	return err
}

func TestFieldsOfLaterReleasesAreIgnored(t *testing.T) {
	task, err := msg.Decode[msg.Task]([]byte(`{"v": 1, "kind": "record", ` + ids + `, "priority": 7}`))
	if err != nil || task.TaskID != taskID {
		t.Errorf("%+v, %v", task, err)
	}
}

func TestNothingIsWrittenThatCouldNotBeRead(t *testing.T) {
	if _, err := msg.Encode(msg.Task{}); err == nil {
		t.Error("an empty task is written")
	}
	if _, err := msg.Encode(msg.Result{Ref: ref(msg.Record), Attempt: 1, Outcome: msg.Failed}); err == nil {
		t.Error("a failure without a code is written")
	}
}

// FuzzDecode: whatever comes in, reading it ends in a message that can be written and read again,
// or in one of the two errors.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"v": 99}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		again[msg.Task](t, data)
		again[msg.GrantRequest](t, data)
		again[msg.GrantReply](t, data)
		again[msg.Heartbeat](t, data)
		again[msg.HeartbeatReply](t, data)
		again[msg.Result](t, data)
		again[msg.Cancel](t, data)
		again[msg.Event](t, data)
	})
}

func again[M msg.Message](t *testing.T, data []byte) {
	m, err := msg.Decode[M](data)
	if err != nil {
		if !errors.Is(err, msg.ErrMalformed) && !errors.Is(err, msg.ErrVersion) {
			t.Errorf("%T: %v is neither ErrMalformed nor ErrVersion", m, err)
		}
		return
	}
	written, err := msg.Encode(m)
	if err != nil {
		t.Fatalf("%T was read and cannot be written: %v", m, err)
	}
	if len(written) > msg.MaxSize {
		return // escapes and zero fields made it longer
	}
	read, err := msg.Decode[M](written)
	if err != nil {
		t.Fatalf("%T cannot be read again: %v\n%s", m, err, written)
	}
	rewritten, err := msg.Encode(read)
	if err != nil || string(rewritten) != string(written) {
		t.Errorf("%T changes each time it is written: %v\n%s\n%s", m, err, written, rewritten)
	}
}

func TestSignedURLsDoNotPrint(t *testing.T) {
	const secret = "https://s3.example/key?X-Amz-Signature=0123"
	g := msg.Grant{Outputs: map[string]msg.Output{"out": {URL: secret}}, Inputs: map[string]msg.Input{"in": {URL: secret}}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, g); strings.Contains(text, "Signature") {
			t.Errorf("%s prints %s", format, text)
		}
	}
	if string(g.Outputs["out"].URL) != secret {
		t.Error("the URL cannot be read")
	}
}

func TestDurationsAreMilliseconds(t *testing.T) {
	data, err := json.Marshal(msg.Duration(1500 * time.Millisecond))
	if err != nil || string(data) != "1500" {
		t.Errorf("%s, %v", data, err)
	}
	var d msg.Duration
	if err := json.Unmarshal([]byte("250"), &d); err != nil || time.Duration(d) != 250*time.Millisecond {
		t.Errorf("%v, %v", time.Duration(d), err)
	}
	for _, bad := range []string{`"1s"`, "1.5", "9223372036854775807", "-9223372036854775808"} {
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s is read as %v", bad, time.Duration(d))
		}
	}
}
