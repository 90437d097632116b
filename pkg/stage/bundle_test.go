package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

// shelf takes bundles and answers with a status.
type shelf struct {
	*httptest.Server
	mu     sync.Mutex
	stored []string
}

func newShelf(t *testing.T, status int) *shelf {
	t.Helper()
	s := new(shelf)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.stored = append(s.stored, fmt.Sprintf("%s %s", r.Header.Get("Content-Type"), body))
		s.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shelf) holds() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored
}

// grant grants every task, with a place on the shelf for its bundle, after change.
func (s *shelf) grant(change func(*msg.Grant)) func(msg.GrantRequest) (msg.GrantReply, bool) {
	return func(r msg.GrantRequest) (msg.GrantReply, bool) {
		return stagetest.Granted(r, func(g *msg.Grant) {
			g.Bundle = &msg.Output{URL: msg.SignedURL(s.URL + "/bundle" + signed), ContentType: "application/zip"}
			if change != nil {
				change(g)
			}
		}), true
	}
}

// leave writes a bundle and returns err.
func leave(t *testing.T, task *Task, err error) (any, error) {
	t.Helper()
	if writing := os.WriteFile(task.BundlePath(), []byte("the bundle"), 0o600); writing != nil {
		t.Error(writing)
	}
	return nil, err
}

func TestTheBundleOfAFailureIsStored(t *testing.T) {
	t.Parallel()
	failed := errors.New("exit status 1")
	for name, test := range map[string]struct {
		status int
		handle func(*testing.T, context.Context, *Task) (any, error)
		change func(*msg.Grant)
		// outcome, and whether a bundle is told of, and sent.
		outcome    msg.Outcome
		told, sent bool
	}{
		"failed": {
			200, func(t *testing.T, _ context.Context, task *Task) (any, error) {
				t.Helper()
				return leave(t, task, failed)
			},
			nil, msg.Failed, true, true,
		},
		"failed for good": {
			200, func(t *testing.T, _ context.Context, task *Task) (any, error) {
				t.Helper()
				return leave(t, task, Permanent(msg.CodeSceneStatus, "It answered 404.", failed))
			},
			nil, msg.Failed, true, true,
		},
		"it took too long": {
			200, func(t *testing.T, ctx context.Context, task *Task) (any, error) {
				t.Helper()
				<-ctx.Done()
				return leave(t, task, ctx.Err())
			},
			func(g *msg.Grant) { g.Timeout = msg.Duration(20 * time.Millisecond) }, msg.Failed, true, true,
		},
		"nothing was left": {
			200, func(*testing.T, context.Context, *Task) (any, error) { return nil, failed }, nil, msg.Failed, false, false,
		},
		"the store refuses it": {
			403, func(t *testing.T, _ context.Context, task *Task) (any, error) {
				t.Helper()
				return leave(t, task, failed)
			},
			nil, msg.Failed, false, true,
		},
		"done": {
			200, func(t *testing.T, _ context.Context, task *Task) (any, error) { t.Helper(); return leave(t, task, nil) },
			nil, msg.Done, false, false,
		},
		"handed back": {
			200, func(t *testing.T, _ context.Context, task *Task) (any, error) {
				t.Helper()
				return leave(t, task, ErrHandBack)
			},
			nil, msg.HandedBack, false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, ingest := arrange(t)
			store := newShelf(t, test.status)
			ingest.OnGrant(store.grant(test.change))
			r := work(t, server, ingest, nil, func(ctx context.Context, task *Task) (any, error) { return test.handle(t, ctx, task) })
			r.Publish(msg.Record)
			result := r.Result()
			if told := result.Failure != nil && result.Failure.Bundle; result.Outcome != test.outcome || told != test.told {
				t.Errorf("%s, a bundle told of: %v", result.Outcome, told)
			}
			if result.Failure != nil && result.Failure.Code == msg.CodeStorage {
				t.Error("the store's refusal became the failure")
			}
			held := store.holds()
			if sent := len(held) > 0; sent != test.sent || sent && held[0] != "application/zip the bundle" {
				t.Errorf("stored %q", held)
			}
			r.settled()
		})
	}
}

func TestNoBundleOfAnAttemptThatIsNotWanted(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	store := newShelf(t, http.StatusOK)
	ingest.OnGrant(store.grant(nil))
	ingest.OnHeartbeat(func(msg.Heartbeat) (msg.HeartbeatReply, bool) {
		return msg.HeartbeatReply{Version: msg.Version, Stop: true}, true
	})
	r := work(t, server, ingest, nil, func(ctx context.Context, task *Task) (any, error) {
		<-ctx.Done()
		return leave(t, task, ctx.Err())
	})
	r.Publish(msg.Record)
	r.settled()
	r.noResult()
	if held := store.holds(); len(held) > 0 {
		t.Errorf("stored %q", held)
	}
}

func TestWithoutAPlaceNoBundleIsWanted(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, nil, func(_ context.Context, task *Task) (any, error) {
		if path := task.BundlePath(); path != "" {
			t.Errorf("a bundle is wanted at %s", path)
		}
		return nil, errors.New("exit status 1")
	})
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Failed || result.Failure.Bundle {
		t.Errorf("%+v", result)
	}
}
