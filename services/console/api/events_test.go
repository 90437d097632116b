package api

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// event is what a reader of a stream gets. A comment has no name.
type event struct{ name, id, data string }

// reader reads a stream.
type reader struct {
	s     *site
	lines *bufio.Scanner
	close func()
}

// watch opens the stream of a render's events behind last.
func (s *site) watch(token, render, last string) *reader {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.server.URL+"/v1/renders/"+render+"/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := s.server.Client().Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		s.t.Fatalf("%s, %s", response.Status, response.Header.Get("Content-Type"))
	}
	r := &reader{s: s, lines: bufio.NewScanner(response.Body), close: func() { _ = response.Body.Close() }}
	s.t.Cleanup(r.close)
	return r
}

// next returns the next event or comment; false at the stream's end.
func (r *reader) next() (event, bool) {
	var e event
	comment := false
	for r.lines.Scan() {
		line := r.lines.Text()
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && (e.name != "" || comment):
			return e, true
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			e.data = value
		case name == "":
			comment = true
		}
	}
	return e, false
}

// until returns the statuses up to the event called name with a text in its data, and that event.
func (r *reader) until(name, text string) (statuses []string, ids []string, last event) {
	r.s.t.Helper()
	for {
		e, more := r.next()
		if !more {
			r.s.t.Fatalf("the stream ended before %s with %s, after %v", name, text, statuses)
		}
		if e.name == "status" {
			_, rest, _ := strings.Cut(e.data, `"status":"`)
			status, _, _ := strings.Cut(rest, `"`)
			statuses, ids = append(statuses, status), append(ids, e.id)
		}
		if e.name == name && strings.Contains(e.data, text) {
			return statuses, ids, e
		}
	}
}

func TestAStreamHasEachStatusAndEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	id := s.render(write)
	r := s.watch(write, id, "")
	r.until("status", `"queued"`)
	s.exec("update renders set status = 'recording', progress = 3 where id = $1", id)
	r.until("status", `"recording"`)
	s.exec("update renders set progress = 20 where id = $1", id)
	if _, _, e := r.until("progress", `"progress":20`); e.id != "" {
		t.Errorf("progress has the id %s", e.id)
	}
	s.exec("update render_jobs set state = 'completed' where render_id = $1", id)
	s.exec("update renders set status = 'normalizing', progress = 60 where id = $1", id)
	s.exec("update renders set status = 'done', progress = 100, final_video_url = 'https://example.com/v.mp4' where id = $1", id)
	statuses, ids, end := r.until("end", "https://example.com/v.mp4")
	if !slices.Equal(statuses, []string{"normalizing", "done"}) || end.id != ids[1] {
		t.Errorf("the last statuses are %v with ids %v, and the end's id is %s", statuses, ids, end.id)
	}
	if e, more := r.next(); more {
		t.Errorf("after the end comes %v", e)
	}
	// Who has seen the end is told to come no more.
	if a := s.send(write, "GET", "/v1/renders/"+id+"/events", nil, "Last-Event-ID", end.id); a.StatusCode != http.StatusNoContent {
		t.Errorf("after the end: %s", a.Status)
	}
	s.problem(400, CodeMalformed, write, "GET", "/v1/renders/"+id+"/events", nil, "Last-Event-ID", "x")
}

// Whatever happened while a reader was away, it gets all of it, and nothing twice.
func TestAReaderThatWasAwayMissesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	id := s.render(write)
	r := s.watch(write, id, "")
	_, _, queued := r.until("status", `"queued"`)
	r.close()
	all := []string{"recording", "normalizing", "concatenating", "failed", "recording", "normalizing", "uploading", "done"}
	for _, status := range all {
		s.exec("update renders set status = $2 where id = $1", id, status)
	}
	s.exec("update render_jobs set state = 'completed' where render_id = $1", id)
	statuses, ids, _ := s.watch(write, id, queued.id).until("end", "")
	if !slices.Equal(statuses, all) {
		t.Errorf("behind %s it gets %v, want %v", queued.id, statuses, all)
	}
	if statuses, _, _ := s.watch(write, id, ids[2]).until("end", ""); !slices.Equal(statuses, all[3:]) {
		t.Errorf("behind the third it gets %v", statuses)
	}
	if statuses, _, _ := s.watch(write, id, "").until("end", ""); !slices.Equal(statuses, append([]string{"queued"}, all...)) {
		t.Errorf("from the start it gets %v", statuses)
	}
}

// A render that is retried has not ended.
func TestAStreamGoesOnWhenARenderIsRetried(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	id := s.render(write)
	s.must(200, write, "POST", "/v1/renders/"+id+"/cancel", nil)
	_, _, end := s.watch(write, id, "").until("end", "cancelled")
	s.must(202, write, "POST", "/v1/renders/"+id+"/retry", nil)
	r := s.watch(write, id, end.id)
	s.exec("update renders set status = 'recording' where id = $1", id)
	r.until("status", `"recording"`)
	s.exec("delete from renders where id = $1", id)
	r.until("end", `"deleted"`)
}

func TestAQuietStreamHasHeartbeatsAndEndsWithTheConsole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.api.heartbeat = 10 * time.Millisecond
	write := s.token(access.Write)
	r := s.watch(write, s.render(write), "")
	r.until("status", `"queued"`)
	for range 3 {
		if e, more := r.next(); !more || e.name != "" {
			t.Fatalf("%v, %v is no heartbeat", e, more)
		}
	}
	s.api.Close()
	for {
		if _, more := r.next(); !more {
			break
		}
	}
}

func TestATokenHasSoManyStreamsAndNoMore(t *testing.T) {
	t.Parallel()
	w := &watchers{asking: true, of: map[uuid.UUID]map[*watcher]bool{}, by: map[string]int{}}
	var all []*watcher
	for range maxStreams {
		all = append(all, w.watch(uuid.UUID{1}, "a"))
	}
	if w.watch(uuid.UUID{1}, "a") != nil || w.watch(uuid.UUID{1}, "b") == nil {
		t.Error("one may have more, or another may not have one")
	}
	w.leave(all[0])
	if w.watch(uuid.UUID{2}, "a") == nil {
		t.Error("who has left is counted")
	}
}
