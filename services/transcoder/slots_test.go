package transcoder

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

// A transcoder works on as many tasks at once as it has slots, and takes no more than it works on.
func TestEverySlotIsAtWorkAtOnce(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	const slots, tasks = 4, 6
	store := &objects{data: map[string][]byte{}}
	store.put("m", mezzanine(t, msg.FPS(24), 4, testWidth, testHeight, bars, nil))
	// Who fetches a mezzanine has to wait.
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
	// The server counts a moment after it has stored: only when it knows of all does it say who has them.
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
