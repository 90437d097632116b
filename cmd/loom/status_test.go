package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

func TestWarningsAreShown(t *testing.T) {
	r := renders.Render{ID: uuid.New(), Status: renders.Done, Warnings: []msg.Warning{
		{Code: msg.CodeSceneTimeout, Scene: 2, Message: "Scene 2 stopped\nafter 1 second."}, {Code: msg.CodeInternal, Message: "And more."},
	}}
	var out bytes.Buffer
	if err := (report{Report: renders.Report{Render: r}}).print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"warning   Scene 2 stopped after 1 second. (scene_timeout)\n", "warning   And more. (internal)\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	for _, c := range []struct {
		render renders.Render
		want   string
	}{
		{r, `[{"code":"scene_timeout","scene":2,"message":"Scene 2 stopped\nafter 1 second."},{"code":"internal","message":"And more."}]`},
		{renders.Render{}, `[]`},
	} {
		o := &outcome{}
		o.ended(c.render)
		out.Reset()
		if err := o.print(&out); err != nil {
			t.Fatal(err)
		}
		var line struct {
			Warnings json.RawMessage `json:"warnings"`
		}
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || string(line.Warnings) != c.want {
			t.Errorf("the outcome's warnings are %s, %v; want %s", line.Warnings, err, c.want)
		}
	}
}

func TestHowASceneWasRecordedIsShownUnlessItIsExact(t *testing.T) {
	r := report{Report: renders.Report{Making: renders.Making{Tasks: []renders.Task{
		{Kind: msg.Record, Scene: 1, State: "done", Facts: json.RawMessage(`{"mode":"exact"}`)},
		{Kind: msg.Record, Scene: 2, State: "done", Facts: json.RawMessage(`{"mode":"realtime"}`)},
		{Kind: msg.Record, Scene: 3, State: "running"},
		{Kind: msg.Normalize, Scene: 2, State: "done", Facts: json.RawMessage(`{"mode":"realtime"}`)},
	}}}}
	var out bytes.Buffer
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nrecord scene 1  ", "\nrecord scene 2 (realtime)  ", "\nrecord scene 3  ", "\nnormalize scene 2  "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
