package e2e

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

// collected are the spans that an OTLP receiver was sent.
type collected struct {
	mu    sync.Mutex
	spans []span
}

type span struct {
	*otlp.Span
	service, instance string
	about             map[string]string
}

func (c *collected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("X-Key") != "hunter2" {
		http.Error(w, fmt.Sprint(err), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range request.ResourceSpans {
		resource := map[string]string{}
		for _, a := range of.Resource.Attributes {
			resource[a.Key] = a.Value.GetStringValue()
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				about := map[string]string{}
				for _, a := range s.Attributes {
					about[a.Key] = strings.Trim(strings.TrimPrefix(a.Value.String(), "string_value:"), `"`)
				}
				c.spans = append(c.spans, span{s, resource["service.name"], resource["service.instance.id"], about})
			}
		}
	}
}

// of returns the spans of a trace, by id.
func (c *collected) of(trace string) map[string]span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.TraceId) == trace {
			found[hex.EncodeToString(s.SpanId)] = s
		}
	}
	return found
}

// The app inserts its rows, and knows nothing of traces. One recorder is killed in the middle.
func TestTheSpansOfARenderAreOneTree(t *testing.T) {
	received := &collected{}
	receiver := httptest.NewServer(received)
	defer receiver.Close()
	p := rig.Start(t, rig.Config{Env: map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.URL, "OTEL_EXPORTER_OTLP_HEADERS": "X-Key=hunter2", "OTEL_BSP_SCHEDULE_DELAY": "100",
	}})
	c, hold := held(t, p, 2)
	c.Facecam = p.Site.Facecam(t, "talking.mp4")
	id := p.Submit(t, c)
	hold.Await(t, 1)
	killed := p.Services("recorder")[0]
	killed.Kill(t)
	hold.Release()
	p.Run(t, "recorder")
	checkDone(t, p, p.Await(t, id), c)

	render := strings.ReplaceAll(id.String(), "-", "")
	attempts := p.Attempts(t, id)
	var spans map[string]span
	rig.Eventually(t, "all spans have come", func() bool {
		spans = received.of(render)
		ended := map[string]bool{}
		for _, s := range spans {
			ended[s.Name] = true
		}
		return ended["render"] && ended["upload"]
	})
	root := ""
	byAttempt := map[string]span{}
	for spanID, s := range spans {
		parent := hex.EncodeToString(s.ParentSpanId)
		switch {
		case s.Name == "render" && parent == "" && s.service == "loom-ingest":
			root = spanID
		case s.instance == killed.Worker: // it may not have told of all before it was killed
		case parent == "" || spans[parent].Span == nil:
			t.Errorf("%s of %s is under no span", s.Name, s.service)
		}
		if key, found := s.about["loom.attempt"]; found && !strings.HasSuffix(s.Name, " waits") {
			byAttempt[s.about["loom.task.id"]+" "+strings.TrimPrefix(key, "int_value:")] = s
		}
		for _, text := range append([]string{s.Name, s.Status.GetMessage()}, fmt.Sprint(s.about)) {
			if strings.Contains(text, "://") {
				t.Errorf("%s tells an address: %s", s.Name, text)
			}
		}
	}
	if root == "" {
		t.Fatalf("no span of the render itself among %d", len(spans))
	}
	for _, a := range attempts {
		s := byAttempt[fmt.Sprintf("%s %d", a.Task, a.Attempt)]
		if a.Worker == killed.Worker {
			continue
		}
		if s.Span == nil || hex.EncodeToString(s.ParentSpanId) != root || s.about["loom.outcome"] != "done" || s.about["loom.worker"] != a.Worker {
			t.Errorf("the span of %+v is %v", a, s.about)
		}
	}
	under := map[string]int{}
	for _, s := range spans {
		if _, known := s.about["loom.scene"]; known != (strings.HasPrefix(s.Name, "record") || strings.HasPrefix(s.Name, "normalize")) {
			t.Errorf("%s has a scene: %v", s.Name, known)
		}
		under[spans[hex.EncodeToString(s.ParentSpanId)].nameOf()+" > "+s.Name]++
	}
	for _, want := range []string{
		"render > queued", "render > record waits", "render > record", "record > start Chrome", "record > load page", "record > capture frames",
		"record > store mezzanine-0000", "render > probe", "render > normalize", "normalize > ffmpeg", "render > concat", "render > overlay",
		"overlay > store video", "render > upload", "upload > copy video",
	} {
		if under[want] == 0 {
			t.Errorf("there is no %q: %v", want, under)
		}
	}
}

func (s span) nameOf() string {
	if s.Span == nil {
		return ""
	}
	return s.Name
}
