package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLinesTellNewsOnly(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := newLines(&out, func() time.Time { return now })
	for _, step := range []struct {
		after    time.Duration
		status   string
		progress int
	}{
		{0, "queued", 0}, {1, "queued", 0}, {1, "recording", 0}, {1, "recording", 4}, {1, "recording", 9}, {1, "recording", 10},
		{1, "recording", 19}, {1, "normalizing", 19}, {60, "normalizing", 55}, {3600, "done", 100}, {1, "done", 100},
	} {
		now = now.Add(step.after * time.Second)
		l.Update(renders.Render{Status: step.status, Progress: step.progress}, nil)
	}
	l.Close()
	want := `0:00  queued          0 %
0:02  recording       0 %
0:05  recording      10 %
0:07  normalizing    19 %
1:07  normalizing    55 %
1:01:07  done          100 %
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestBarsNameEveryStage(t *testing.T) {
	var out bytes.Buffer
	b := newBars(&out)
	b.Update(renders.Render{Status: "queued"}, nil)
	begun := time.Now().Add(-10 * time.Second)
	ended := begun.Add(5 * time.Second)
	b.Update(renders.Render{Status: "normalizing"}, []renders.Stage{
		{Status: "recording", Done: 2, Total: 2, Progress: 1, StartedAt: &begun, EndedAt: &ended},
		{Status: "normalizing", Done: 1, Total: 2, Progress: 0.5, StartedAt: &begun},
		{Status: "uploading", Total: 1},
	})
	b.Close()
	for _, want := range []string{"recording", "2/2", "100 %", "took 0:05", "normalizing", "1/2", "50 %", "0:10 left", "uploading", "waits"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %q", want, out.String())
		}
	}
}

func TestTimeLeftIsToldOnceThereIsSomethingToTellItBy(t *testing.T) {
	now := time.Now()
	begun := now.Add(-30 * time.Second)
	for _, c := range []struct {
		stage renders.Stage
		want  string
	}{
		{renders.Stage{}, "waits"},
		{renders.Stage{StartedAt: &begun, Progress: 0.001}, "works"},
		{renders.Stage{StartedAt: &begun, Progress: 0.25}, "1:30 left"},
		{renders.Stage{StartedAt: &begun, EndedAt: &now, Progress: 1}, "took 0:30"},
	} {
		if got := remaining(c.stage, now); got != c.want {
			t.Errorf("%+v: %q, want %q", c.stage, got, c.want)
		}
	}
}
