package fetch

import (
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// dripping is a server that sends some bytes each second, the first after some time.
type dripping struct {
	after   time.Duration
	bytes   int
	seconds int
}

func (d dripping) Do(r *http.Request) (*http.Response, error) {
	if err := sleep(r, d.after); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Body: &drips{dripping: d, r: r}}, nil
}

type drips struct {
	dripping
	r *http.Request
}

func (d *drips) Read(p []byte) (int, error) {
	if d.seconds == 0 {
		return 0, io.EOF
	}
	if err := sleep(d.r, time.Second); err != nil {
		return 0, err
	}
	d.seconds--
	return min(len(p), d.bytes), nil
}

func (d *drips) Close() error { return nil }

func sleep(r *http.Request, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

func TestAServerThatDripsIsNotWaitedFor(t *testing.T) {
	const hour = 3600
	for name, test := range map[string]struct {
		server dripping
		words  string // empty: it is fetched
		after  time.Duration
	}{
		"a byte a second": {dripping{0, 1, hour}, "too slowly: less than 16 kB a second", 60 * time.Second},
		"nothing":         {dripping{time.Hour, 1, 1}, "too slowly", 30 * time.Second},
		// 31 drips may fall into a window: the ticks of both come at one time.
		"a little less than it must":    {dripping{0, 15_800, hour}, "too slowly", 60 * time.Second},
		"as slow as it may":             {dripping{0, 17_000, 300}, "", 300 * time.Second},
		"little, but soon all of it":    {dripping{0, 10, 20}, "", 20 * time.Second},
		"slow to answer, and then fast": {dripping{20 * time.Second, 32_000, 40}, "", 60 * time.Second},
		"fast enough, for too long":     {dripping{0, 20_000, hour}, "too long to download", 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			synctest.Test(t, func(t *testing.T) {
				f := Fetcher{Client: test.server, Subject: Facecam, MaxBytes: 1 << 30, Timeout: 15 * time.Minute, MinRate: 16 << 10}
				began := time.Now()
				n, err := f.Fetch(t.Context(), "http://drip.example/", path, nil)
				if took := time.Since(began); took != test.after {
					t.Errorf("it took %s, want %s", took, test.after)
				}
				if test.words == "" {
					if want := int64(test.server.bytes * test.server.seconds); err != nil || n != want {
						t.Errorf("%d bytes, %v; want %d", n, err, want)
					}
					return
				}
				var failure *stage.Error
				if !errors.As(err, &failure) || failure.Code != msg.CodeFacecamUnreachable || failure.Permanent || !strings.Contains(failure.Message, test.words) {
					t.Errorf("%v, want one to be tried again: …%s…", err, test.words)
				}
			})
		})
	}
}
