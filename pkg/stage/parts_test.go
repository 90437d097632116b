package stage

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

// supabaseTask is a task with an output in parts of at most bound bytes, the input that is made of
// it, and the store.
func supabaseTask(t *testing.T, bound int64, more int) (*Task, *storetest.Supabase) {
	t.Helper()
	cfg, supabase := storetest.AsSupabase(t)
	client, err := store.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	bucket := storetest.Bucket(t, client)
	output := msg.Output{Key: "key", ContentType: "video/mp4", Parts: msg.Parts{Bytes: bound}}
	input := msg.Input{Key: "key", Parts: msg.Parts{Bytes: bound}}
	for place := range 1 + more {
		put, err1 := client.PresignPut(t.Context(), bucket, msg.PartKey("key", place), "video/mp4", time.Hour)
		get, err2 := client.PresignGet(t.Context(), bucket, msg.PartKey("key", place), time.Hour)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if place == 0 {
			output.URL, input.URL = put, get
			continue
		}
		output.More, input.More = append(output.More, put), append(input.More, get)
	}
	return NewTask(msg.Grant{
		Outputs: map[string]msg.Output{"file": output}, Inputs: map[string]msg.Input{"file": input},
	}, t.TempDir(), zerolog.Nop()), supabase
}

func content(size int) []byte {
	data := make([]byte, size)
	random := rand.New(rand.NewPCG(1, uint64(size)))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func TestAFileIsStoredInObjectsThatTheStoreTakes(t *testing.T) {
	t.Parallel()
	const bound = 1 << 16
	for name, c := range map[string]struct{ size, objects int }{
		"empty": {0, 1}, "small": {10, 1}, "just within": {bound - 1, 1}, "exactly one": {bound, 2}, "just beyond": {bound + 1, 2},
		"exactly two": {2 * bound, 3}, "the most": {4*bound - 1, 4},
	} {
		t.Run(name, func(t *testing.T) {
			task, supabase := supabaseTask(t, bound, 3)
			supabase.Limit(bound)
			path, want := filepath.Join(task.Dir, "out"), content(c.size)
			if err := os.WriteFile(path, want, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := task.Store(t.Context(), "file", path); err != nil {
				t.Fatal(err)
			}
			if n, largest := supabase.Puts(); n != c.objects || largest > bound {
				t.Errorf("%d objects, the largest of %d bytes; want %d of at most %d", n, largest, c.objects, bound)
			}
			back := filepath.Join(task.Dir, "in")
			if err := task.Fetch(t.Context(), "file", back); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes came back of %d, %v", len(got), len(want), err)
			}
			if files, _ := os.ReadDir(task.Dir); len(files) != 2 {
				t.Errorf("%d files are left", len(files))
			}
		})
	}
}

func TestAFileThatLacksAPartIsNotThere(t *testing.T) {
	t.Parallel()
	const bound = 1 << 10
	task, _ := supabaseTask(t, bound, 1)
	path := filepath.Join(task.Dir, "out")
	if err := os.WriteFile(path, content(bound), 0o600); err != nil {
		t.Fatal(err)
	}
	output := task.Outputs["file"]
	output.Parts = msg.Parts{} // the first alone
	task.Outputs["file"] = output
	if err := task.Store(t.Context(), "file", path); err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(task.Dir, "in")
	if err := task.Fetch(t.Context(), "file", back); err == nil {
		t.Error("half a file was fetched")
	}
	if _, err := os.Stat(back); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a file is there: %v", err)
	}
}

// failsWith makes sure of an error's code, and that it is for good.
func failsWith(t *testing.T, err error, code msg.Code) {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != code || !failure.Permanent || failure.Message == storageMessage {
		t.Errorf("%v, want a permanent %s", err, code)
	}
	if err != nil && strings.Contains(err.Error(), "X-Amz") {
		t.Errorf("the URL is in %v", err)
	}
}

func TestWhatIsLargerThanTheStoreTakesFailsForGood(t *testing.T) {
	t.Parallel()
	// Large enough that some of it is on its way when the store hangs up.
	for _, size := range []int{2000, 32 << 20} {
		task, supabase := supabaseTask(t, 0, 0)
		supabase.Limit(1000)
		path := filepath.Join(task.Dir, "out")
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			failsWith(t, task.Store(t.Context(), "file", path), msg.CodeStorageTooLarge)
		}
	}
	task, _ := supabaseTask(t, 1000, 1)
	path := filepath.Join(task.Dir, "out")
	if err := os.WriteFile(path, make([]byte, 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	failsWith(t, task.Store(t.Context(), "file", path), msg.CodeStorageTooLarge)
}

// A store that answers before it has read the body, and is gone: what it said is lost with the
// connection, every time.
func TestAStoreThatHangsUpIsAskedWhy(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 64<<10)
			n, _ := conn.Read(buffer)
			head, body, _ := bytes.Cut(buffer[:n], []byte("\r\n\r\n"))
			if len(body) == 0 {
				// Give a body that follows at once the time to be on its way.
				_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				n, _ = conn.Read(buffer)
				body = buffer[:n]
			}
			if len(body) > 0 || len(head) == 0 {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
				continue
			}
			const answer = "<Error><Code>EntityTooLarge</Code></Error>"
			_, _ = conn.Write([]byte("HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 42\r\n\r\n" + answer))
			_ = conn.Close()
		}
	}()
	defer func() {
		_ = listener.Close()
		<-served
	}()
	task := NewTask(msg.Grant{Outputs: map[string]msg.Output{
		"out": {URL: msg.SignedURL("http://" + listener.Addr().String() + "/bucket/key" + signed), ContentType: "video/mp4"},
	}}, t.TempDir(), zerolog.Nop())
	path := filepath.Join(task.Dir, "out")
	if err := os.WriteFile(path, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	failsWith(t, task.Store(t.Context(), "out", path), msg.CodeStorageTooLarge)
}

// Which of these a write meets depends on which end of the connection is faster.
func TestAWriteFailsInThreeWaysWhenAStoreHangsUp(t *testing.T) {
	t.Parallel()
	for _, err := range []error{syscall.EPIPE, syscall.ECONNRESET, net.ErrClosed} {
		if !hungUp(&net.OpError{Op: "write", Net: "tcp", Err: err}) {
			t.Errorf("%v is not taken for the end of the connection", err)
		}
	}
	for _, err := range []error{nil, io.ErrUnexpectedEOF, errStalled} {
		if hungUp(err) {
			t.Errorf("%v is taken for the end of the connection", err)
		}
	}
}

func TestABucketThatDoesNotTakeSuchFilesFailsForGood(t *testing.T) {
	t.Parallel()
	task := transferTask(t, signed, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		_, _ = w.Write([]byte("<Error><Code>InvalidMimeType</Code></Error>"))
	})
	path := filepath.Join(task.Dir, "out")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	failsWith(t, task.Store(t.Context(), "out", path), msg.CodeStorageRefused)
}

func TestAnExpiredTokenHandsTheTaskBack(t *testing.T) {
	t.Parallel()
	cfg, _ := storetest.AsSupabase(t)
	client, err := store.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	bucket := storetest.Bucket(t, client)
	put, err1 := client.PresignPut(t.Context(), bucket, "key", "video/mp4", time.Second)
	get, err2 := client.PresignGet(t.Context(), bucket, "key", time.Second)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	task := NewTask(msg.Grant{
		Outputs: map[string]msg.Output{"file": {URL: put, ContentType: "video/mp4"}}, Inputs: map[string]msg.Input{"file": {URL: get}},
	}, t.TempDir(), zerolog.Nop())
	path := filepath.Join(task.Dir, "out")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if err = task.Store(t.Context(), "file", path); err != nil || time.Now().After(deadline) {
			break
		}
	}
	if !errors.Is(err, ErrHandBack) {
		t.Errorf("store: %v, want ErrHandBack", err)
	}
	if err := task.Fetch(t.Context(), "file", path); !errors.Is(err, ErrHandBack) {
		t.Errorf("fetch: %v, want ErrHandBack", err)
	}
}
