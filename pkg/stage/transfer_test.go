package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/usage"
)

// signed is the query of a presigned URL whose time has not come to its end.
var signed = "?X-Amz-Date=" + time.Now().UTC().Format("20060102T150405Z") + "&X-Amz-Expires=3600&X-Amz-Signature=secret"

// transferTask returns a task with an input and an output that handle serves.
func transferTask(t *testing.T, query string, handle http.HandlerFunc) *Task {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	url := msg.SignedURL(server.URL + "/bucket/key" + query)
	return NewTask(msg.Grant{
		Inputs:  map[string]msg.Input{"in": {URL: url}},
		Outputs: map[string]msg.Output{"out": {URL: url, ContentType: "video/mp4"}},
	}, t.TempDir(), zerolog.Nop())
}

func TestFetchWritesAllOfTheInput(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("pictures"), 1<<17)
	task := transferTask(t, signed, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
	path := filepath.Join(task.Dir, "in.mov")
	if err := task.Fetch(t.Context(), "in", path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d of %d bytes, %v", len(got), len(content), err)
	}
}

func TestStoreSendsLengthAndType(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{"full": bytes.Repeat([]byte("x"), 1<<20), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			var length int64
			var contentType string
			task := transferTask(t, signed, func(_ http.ResponseWriter, r *http.Request) {
				length, contentType = r.ContentLength, r.Header.Get("Content-Type")
				got, _ = io.ReadAll(r.Body)
			})
			path := filepath.Join(task.Dir, "out.mp4")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := task.Store(t.Context(), "out", path); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, content) || length != int64(len(content)) || contentType != "video/mp4" {
				t.Errorf("%d bytes, length %d, type %q", len(got), length, contentType)
			}
		})
	}
}

// Each of the first two answers breaks off in its own way; the file holds the third, from its
// beginning.
func TestATransferIsTriedAgain(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	task := transferTask(t, signed, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch tries.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "part of")
			panic(http.ErrAbortHandler)
		default:
			if r.Method == http.MethodPut && string(body) != "whole" {
				w.WriteHeader(http.StatusBadRequest)
			}
			_, _ = io.WriteString(w, "whole")
		}
	})
	path := filepath.Join(task.Dir, "in")
	if err := task.Fetch(t.Context(), "in", path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "whole" {
		t.Errorf("%q, %v", got, err)
	}
	tries.Store(0)
	if err := task.Store(t.Context(), "out", path); err != nil {
		t.Fatal(err)
	}
	if n := tries.Load(); n < 2 {
		t.Errorf("stored in %d tries", n)
	}
}

func TestATransferThatFailsSaysWhyWithoutTheURL(t *testing.T) {
	t.Parallel()
	old := "?X-Amz-Date=20200101T000000Z&X-Amz-Expires=900&X-Amz-Signature=secret"
	for name, test := range map[string]struct {
		status   int
		body     string
		query    string
		handBack bool
		says     string
	}{
		"gone":            {404, "<Error><Code>NoSuchKey</Code></Error>", signed, false, "404 Not Found (NoSuchKey)"},
		"no bucket":       {404, "<Error><Code>NoSuchBucket</Code></Error>", signed, false, "404 Not Found (NoSuchBucket)"},
		"old URL":         {403, "<Error><Code>AccessDenied</Code></Error>", old, true, "AccessDenied"},
		"unknown age":     {403, "", "?token=secret", true, "403"},
		"wrong keys":      {403, "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>secret</StringToSign></Error>", signed, false, "SignatureDoesNotMatch"},
		"not an XML body": {400, "secret page", signed, false, "400"},
	} {
		t.Run(name, func(t *testing.T) {
			task := transferTask(t, test.query, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			err := task.Fetch(t.Context(), "in", filepath.Join(task.Dir, "in"))
			if err == nil || errors.Is(err, ErrHandBack) != test.handBack || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want hand-back %v and %q", err, test.handBack, test.says)
			}
			if strings.Contains(fmt.Sprintf("%+v", err), "secret") {
				t.Errorf("the error gives the URL away: %v", err)
			}
			var own *Error
			code := msg.CodeStorage
			if name == "gone" {
				code = msg.CodeStorageMissing
			}
			if !test.handBack && (!errors.As(err, &own) || own.Code != code || own.Permanent) {
				t.Errorf("%#v, want a retryable %s", err, code)
			}
			if left, _ := os.ReadDir(task.Dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestNetworkErrorsAreTriedForAWhileAndHideTheURL(t *testing.T) {
	t.Parallel()
	task := transferTask(t, signed, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	impatient := *s3
	impatient.pause, impatient.patience = 10*time.Millisecond, 200*time.Millisecond
	var tries int
	err := impatient.retry(t.Context(), "fetch in", func(ctx context.Context) error {
		tries++
		return impatient.download(ctx, string(task.Inputs["in"].URL), filepath.Join(task.Dir, "in"))
	})
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "bucket") || tries < 2 {
		t.Errorf("%d tries: %v", tries, err)
	}
}

func TestATransferThatStandsStillIsBrokenOff(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	task := transferTask(t, signed, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "part")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	impatient := *s3
	impatient.stall = 100 * time.Millisecond
	err := impatient.download(t.Context(), string(task.Inputs["in"].URL), filepath.Join(task.Dir, "in"))
	if !errors.Is(err, errStalled) {
		t.Errorf("%v", err)
	}
}

func TestACancelledTransferTellsTheCause(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	task := transferTask(t, signed, func(_ http.ResponseWriter, r *http.Request) {
		cancel(errDraining)
		<-r.Context().Done()
	})
	if err := task.Fetch(ctx, "in", filepath.Join(task.Dir, "in")); !errors.Is(err, errDraining) {
		t.Errorf("%v", err)
	}
}

func TestAFileThatCannotBeReadIsNotTheStoresFault(t *testing.T) {
	t.Parallel()
	task := transferTask(t, signed, func(http.ResponseWriter, *http.Request) {})
	err := task.Store(t.Context(), "out", filepath.Join(task.Dir, "missing"))
	var own *Error
	if err == nil || errors.As(err, &own) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := task.Store(t.Context(), "unknown", "x"); err == nil {
		t.Error("stored an output that the grant does not have")
	}
}

func TestWhatIsMovedIsAddedToTheAccount(t *testing.T) {
	t.Parallel()
	var account usage.Account
	ctx := usage.With(t.Context(), &account)
	task := transferTask(t, signed, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, "input")
		}
	})
	path := filepath.Join(task.Dir, "in")
	if err := task.Fetch(ctx, "in", path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := task.Store(ctx, "out", path); err != nil {
		t.Fatal(err)
	}
	if in, out, web := account.Bytes(); in != 5 || out != 1<<20 || web != 0 {
		t.Errorf("read %d, wrote %d, from the web %d", in, out, web)
	}
}
