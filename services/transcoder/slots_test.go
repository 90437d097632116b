package transcoder

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// A transcoder works on as many tasks at once as it has slots, and takes no more.
func TestEverySlotIsAtWorkAtOnce(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	const slots, tasks = 4, 6
	store := &objects{data: map[string][]byte{}}
	store.put("m", mediatest.Mezzanine(t, msg.FPS(24), 4, testWidth, testHeight, mediatest.Bars, nil))
	// Requests for the mezzanine wait.
	fetching, fetch := make(chan struct{}, tasks), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fetching <- struct{}{}
			<-fetch
		}
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	params, err := json.Marshal(msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: 4})
	if err != nil {
		t.Fatal(err)
	}
	bus := stagetest.StartNATS(t)
	ingest := stagetest.NewIngest(t, bus)
	ingest.MakeStreams()
	ingest.OnGrant(func(request msg.GrantRequest) (msg.GrantReply, bool) {
		return stagetest.Granted(request, func(g *msg.Grant) {
			g.Params = params
			g.Inputs = map[string]msg.Input{msg.Mezzanine: {Key: "m", URL: msg.SignedURL(server.URL + "/m")}}
			key := request.TaskID.String()
			g.Outputs = map[string]msg.Output{msg.Segment: {Key: key, URL: msg.SignedURL(server.URL + "/" + key), ContentType: "video/mp4"}}
		}), true
	})
	serve(t, map[string]string{"NATS_URL": bus.URL(), "WORK_DIR": t.TempDir(), "TRANSCODER_SLOTS": strconv.Itoa(slots)})
	start := sync.OnceFunc(func() { close(fetch) })
	t.Cleanup(start) // before Run is waited for
	for range tasks {
		ingest.Publish(msg.Normalize)
	}
	ingest.Until("all slots are at work", func() bool { return len(fetching) >= slots })
	// NATS counts tasks a moment after it has stored them. Only then is its count of pending ones
	// right.
	consumer, err := ingest.JS.Consumer(t.Context(), msg.StreamTranscode, msg.ConsumerTranscode)
	if err != nil {
		t.Fatal(err)
	}
	ingest.Until("the server knows of all tasks", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumAckPending == slots && info.NumPending == tasks-slots
	})
	if n := len(fetching); n != slots {
		t.Errorf("%d tasks are worked on in %d slots", n, slots)
	}
	start()
	for range tasks {
		if result := ingest.Result(); result.Outcome != msg.Done || !store.has(result.TaskID.String()) {
			t.Errorf("%s %+v", result.Outcome, result.Failure)
		}
	}
}

// Any number of servers may send a byte now and then, and another render is still done.
func TestServersThatDripHoldNobodyUp(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	const fetches, drips = 2, 4
	store := &objects{data: map[string][]byte{}}
	store.put("m", mediatest.Mezzanine(t, msg.FPS(24), 4, testWidth, testHeight, mediatest.Bars, nil))
	arrived, end := make(chan string, drips), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/drip" {
			store.ServeHTTP(w, r)
			return
		}
		arrived <- r.URL.Path
		ticks := time.NewTicker(20 * time.Millisecond)
		defer ticks.Stop()
		for {
			if _, err := w.Write([]byte{0}); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-end:
				return
			case <-ticks.C:
			}
		}
	}))
	t.Cleanup(server.Close)
	params, err := json.Marshal(msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: 4})
	if err != nil {
		t.Fatal(err)
	}
	bus := stagetest.StartNATS(t)
	ingest := stagetest.NewIngest(t, bus)
	ingest.MakeStreams()
	ingest.OnGrant(func(request msg.GrantRequest) (msg.GrantReply, bool) {
		return stagetest.Granted(request, func(g *msg.Grant) {
			output := msg.Output{Key: "out", URL: msg.SignedURL(server.URL + "/out"), ContentType: "video/mp4"}
			switch request.Kind {
			case msg.Probe:
				g.Params, g.Outputs = fmt.Appendf(nil, `{"url": "%s/drip"}`, server.URL), map[string]msg.Output{msg.FacecamFile: output}
			case msg.Draw:
				g.Params = fmt.Appendf(nil, `{"url": "%s/drip", "width": 10, "height": 10, "opacity": 1}`, server.URL)
				g.Outputs = map[string]msg.Output{msg.WatermarkFile: output}
			default:
				g.Params, g.Outputs = params, map[string]msg.Output{msg.Segment: output}
				g.Inputs = map[string]msg.Input{msg.Mezzanine: {Key: "m", URL: msg.SignedURL(server.URL + "/m")}}
			}
		}), true
	})
	serve(t, map[string]string{
		"NATS_URL": bus.URL(), "WORK_DIR": t.TempDir(), "TRANSCODER_SLOTS": "1", "TRANSCODER_FETCHES": strconv.Itoa(fetches),
		"EGRESS_ALLOW": "127.0.0.1", "DRAIN_TIMEOUT": "1ms",
	})
	stop := sync.OnceFunc(func() { close(end) })
	t.Cleanup(stop) // before Run is waited for
	for range drips / 2 {
		ingest.Publish(msg.Probe)
		ingest.Publish(msg.Draw)
	}
	ingest.Until("as many fetch as may", func() bool { return len(arrived) == fetches })
	ref := ingest.Publish(msg.Normalize)
	if result := ingest.Result(); result.TaskID != ref.TaskID || result.Outcome != msg.Done {
		t.Errorf("%s %s %+v, want the segment done", result.Kind, result.Outcome, result.Failure)
	}
	if n := len(arrived); n != fetches {
		t.Errorf("%d fetch at once, want %d", n, fetches)
	}
}
