package batches

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/sheet"
)

func TestAListThatIsSentAgainMakesNothingTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const n = 1200 // more than is written at once
	// Two at the same time, and each of them twice.
	var lists sync.WaitGroup
	for range 2 {
		lists.Go(func() {
			for range 2 {
				if _, _, err := Create(s.ctx, s.console, Request{Submission: submission(), Rows: csv(people(n))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	lists.Wait()
	if renders, jobs := get[int](s, "select count(*) from public.renders"), get[int](s, "select count(*) from public.render_jobs"); renders != n || jobs != n {
		t.Errorf("%d renders and %d jobs, want %d", renders, jobs, n)
	}
	if campaigns := get[int](s, "select count(*) from public.campaigns"); campaigns != 1 {
		t.Errorf("%d campaigns", campaigns)
	}
	b, p := s.create(Request{Submission: submission(), Rows: csv(people(n + 1))})
	if p.Earlier != n || p.Renders != 1 || b.Earlier != n || b.Rows != n+1 || b.Open != n+1 {
		t.Errorf("with a person more it is %+v, and was to be %+v", b, p)
	}
	if get[int](s, "select count(*) from public.render_jobs where priority <> 0") != 0 {
		t.Error("a request without a priority has one")
	}
	// A row whose render was deleted gets another.
	s.exec("delete from public.renders where id = (select render_id from loom.batch_ids where external_id = 'p7')")
	if b, p := s.create(Request{Submission: submission(), Rows: csv(people(n))}); p.Renders != 1 || b.Earlier != n-1 {
		t.Errorf("after one was deleted it is %+v, and was to be %+v", b, p)
	}
}

func TestTheSameIDWithOtherValuesIsAFault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	campaign := s.campaign()
	s.create(Request{Campaign: campaign, Rows: csv("external_id,first_name\na,Ada\nb,Bob\n")})
	b, _ := s.create(Request{Campaign: campaign, Rows: csv("external_id,first_name\na,Ada\nb,Robert\n")})
	if b.Earlier != 2 || b.Invalid != 1 || b.Codes[CodeTaken] != 1 || b.Open != 1 {
		t.Errorf("it is %+v", b)
	}
	if n := get[int](s, "select count(*) from public.renders"); n != 2 {
		t.Errorf("%d renders", n)
	}
}

func TestACampaignThatWasChangedIsNotTakenForTheOneThatIsSent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.create(Request{Submission: submission(), Rows: csv(people(1))})
	s.exec("update public.scenes set duration_sec = 3 where campaign_id = $1", b.Campaign)
	if _, _, err := Create(s.ctx, s.console, Request{Submission: submission(), Rows: csv(people(2))}); !errors.Is(err, ErrChanged) {
		t.Errorf("it says %v", err)
	}
	s.create(Request{Campaign: b.Campaign, Rows: csv(people(2))})
}

func TestRowsWithFaultsGetNoRender(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.endpoint()
	campaign := s.campaign()
	list := "external_id,first_name\na,Ada\n,Bob\na,Cid\nd\ne,=1+1\n"
	_, p, err := Create(s.ctx, s.console, Request{Campaign: campaign, Rows: csv(list), AllOrNone: true})
	var faults *FaultsError
	if !errors.As(err, &faults) || p.Invalid != 3 || len(p.Faults) != 3 {
		t.Fatalf("all or none: %v, %+v", err, p)
	}
	if n := get[int](s, "select count(*) from public.renders") + get[int](s, "select count(*) from loom.batches") + get[int](s, "select count(*) from loom.batch_ids"); n != 0 {
		t.Errorf("all or none has made %d rows", n)
	}
	b, _ := s.create(Request{Campaign: campaign, Rows: csv(list)})
	if b.Rows != 5 || b.Invalid != 3 || b.Open != 2 || b.Codes[CodeDuplicateID] != 1 || b.Codes[CodeID] != 1 || b.Codes[sheet.CodeCells] != 1 {
		t.Errorf("it is %+v", b)
	}
	s.exec("update public.renders set status = 'done', final_video_url = 'https://v.example/' || id")
	lines := strings.Split(s.result(b.ID), "\n")
	if lines[0] != "external_id,first_name,render_id,status,video_url,thumb_url,preview_url,error_code,error_message" {
		t.Errorf("the header is %s", lines[0])
	}
	if !strings.HasPrefix(lines[1], "a,Ada,") || !strings.Contains(lines[1], ",done,https://v.example/") {
		t.Errorf("the first row is %s", lines[1])
	}
	if !strings.HasPrefix(lines[2], ",Bob,,invalid,,,,"+CodeID) {
		t.Errorf("the second row is %s", lines[2])
	}
	if !strings.HasPrefix(lines[5], "e,'=1+1,") {
		t.Errorf("the last row is %s", lines[5])
	}
	// One in which every row is wrong has ended.
	if b, _ := s.create(Request{Campaign: campaign, Rows: csv("external_id,first_name\n,Bob\n")}); b.Completed == nil || b.Invalid != 1 {
		t.Errorf("it is %+v", b)
	}
	if n := get[int](s, "select count(*) from loom.webhook_events where type = 'batch.completed'"); n != 2 {
		t.Errorf("%d batches are told", n)
	}
}

func TestABatchIsCompletedOnceWithTheLastOfItsRenders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.endpoint()
	const n = 40
	b, _ := s.create(Request{Campaign: s.campaign(), Rows: csv(people(n)), Priority: Priority})
	var ids []uuid.UUID
	if err := s.owner.QueryRow(s.ctx, "select array_agg(render_id order by place) from loom.batch_rows").Scan(&ids); err != nil {
		t.Fatal(err)
	}
	// All of them end at the same time.
	var ends sync.WaitGroup
	for i, id := range ids {
		ends.Go(func() {
			status, code := "done", any(nil)
			if i%10 == 0 {
				status, code = "failed", "page_timeout"
			}
			if _, err := s.owner.Exec(s.ctx, "update public.renders set status = $2, error_code = $3 where id = $1", id, status, code); err != nil {
				t.Error(err)
			}
		})
	}
	ends.Wait()
	s.exec("select loom.recover_batches()") // as the Keeper does, where ends had to wait for long
	told := func() int {
		return get[int](s, "select count(*) from loom.webhook_events where type = 'batch.completed'")
	}
	b, err := Get(s.ctx, s.console, b.ID)
	if err != nil || b.Completed == nil || b.Done != 36 || b.Failed != 4 || b.Codes["page_timeout"] != 4 || told() != 1 {
		t.Fatalf("it is %+v, told %d times, %v", b, told(), err)
	}
	if data := get[string](s, "select data ->> 'failed' from loom.webhook_events where type = 'batch.completed'"); data != "4" {
		t.Errorf("it tells of %s that failed", data)
	}
	// One is done again.
	s.exec("update public.renders set status = 'recording', error_code = null where id = $1", ids[0])
	if b, _ = Get(s.ctx, s.console, b.ID); b.Completed != nil || b.Open != 1 || b.Failed != 3 {
		t.Errorf("while one is done again it is %+v", b)
	}
	s.exec("update public.renders set status = 'done' where id = $1", ids[0])
	if b, _ = Get(s.ctx, s.console, b.ID); b.Completed == nil || b.Done != 37 || told() != 2 {
		t.Errorf("after that it is %+v, told %d times", b, told())
	}
	if n := get[int](s, "select count(*) from public.render_jobs where priority = $1", Priority); n != 40 {
		t.Errorf("%d jobs have the priority", n)
	}
}

// Who ends a render while somebody holds the batch's row does not wait for long, and the batch is
// completed all the same.
func TestNobodyWaitsForABatch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.endpoint()
	b, _ := s.create(Request{Campaign: s.campaign(), Rows: csv(people(2))})
	holder, err := s.owner.Begin(s.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback(s.ctx) }()
	if _, err := holder.Exec(s.ctx, "select from loom.batches for update"); err != nil {
		t.Fatal(err)
	}
	s.exec("update public.renders set status = 'done'")
	if n := get[int](s, "select count(*) from public.renders where status = 'done'"); n != 2 {
		t.Fatalf("%d renders have ended", n)
	}
	if err := holder.Rollback(s.ctx); err != nil {
		t.Fatal(err)
	}
	if n := get[int](s, "select loom.recover_batches()"); n != 1 {
		t.Errorf("%d batches were completed", n)
	}
	if b, err = Get(s.ctx, s.console, b.ID); err != nil || b.Done != 2 || b.Completed == nil {
		t.Errorf("it is %+v, %v", b, err)
	}
	if n := get[int](s, "select count(*) from loom.webhook_events where type = 'batch.completed'"); n != 1 {
		t.Errorf("it is told %d times", n)
	}
}

func TestRowsAreListedInPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.create(Request{Campaign: s.campaign(), Rows: csv("external_id,first_name\na,Ada\n,Bob\nc,Cid\n")})
	first, next, err := Rows(s.ctx, s.console, b.ID, "", "", 2)
	if err != nil || len(first) != 2 || next == "" || first[1].Status != "invalid" || *first[0].Cells[1] != "Ada" {
		t.Fatalf("%+v, %v", first, err)
	}
	if rest, next, err := Rows(s.ctx, s.console, b.ID, "", next, 2); err != nil || len(rest) != 1 || next != "" || rest[0].Status != "queued" {
		t.Errorf("%+v, %v", rest, err)
	}
	if open, _, err := Rows(s.ctx, s.console, b.ID, "open", "", 10); err != nil || len(open) != 2 {
		t.Errorf("%+v, %v", open, err)
	}
	if _, _, err := Rows(s.ctx, s.console, uuid.New(), "", "", 2); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	s.exec("delete from public.renders where id = $1", first[0].Render)
	if b, err := Get(s.ctx, s.console, b.ID); err != nil || b.Deleted != 1 || b.Open != 1 {
		t.Errorf("after one was deleted it is %+v, %v", b, err)
	}
}

func TestAPreviewWritesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, err := Check(s.ctx, s.console, Request{Submission: submission(), Rows: csv(people(30) + "p3,again\n")})
	if err != nil || p.Rows != 31 || p.Renders != 30 || p.Invalid != 1 || p.Faults[0].Line != 32 || p.Faults[0].Code != CodeDuplicateID {
		t.Errorf("%+v, %v", p, err)
	}
	if n := get[int](s, "select count(*) from public.campaigns") + get[int](s, "select count(*) from loom.batches"); n != 0 {
		t.Errorf("it wrote %d rows", n)
	}
	for list, want := range map[string]error{"external_id\n": ErrEmpty, "external_id\n" + strings.Repeat("\n", 3): ErrEmpty} {
		if _, err := Check(s.ctx, s.console, Request{Submission: submission(), Rows: csv(list)}); !errors.Is(err, want) {
			t.Errorf("%q: %v", list, err)
		}
	}
	var wrong *sheet.Error
	if _, err := Check(s.ctx, s.console, Request{Submission: submission(), Rows: csv("first_name\n\"")}); !errors.As(err, &wrong) {
		t.Error(err)
	}
	if _, err := Check(s.ctx, s.console, Request{Submission: submission(), Rows: csv("first_name\nx"), Column: "key"}); !errors.As(err, &wrong) || !strings.Contains(fmt.Sprint(err), "“key”") {
		t.Error(err)
	}
	if _, err := Check(s.ctx, s.console, Request{Submission: submission(), Rows: csv("first_name,e-mail\nx,y")}); !errors.As(err, &wrong) || wrong.Code != CodeUndeclared {
		t.Error(err)
	}
}

func TestARowsValuesAreThoseThatTheCampaignDeclares(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	campaign := s.campaign()
	p, err := Check(s.ctx, s.console, Request{Campaign: campaign, Rows: csv("external_id,first_name,age\na,Ada,36\nb,Bob,old\nc,..,1\nd,,5\n")})
	if err != nil || p.Invalid != 2 || p.Faults[0].Line != 3 || p.Faults[0].Column != "age" || p.Faults[1].Line != 4 || p.Faults[1].Column != "first_name" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := Check(s.ctx, s.console, Request{Campaign: campaign, Rows: csv("external_id,age\na,36\n")}); err != nil {
		t.Error(err)
	}
	if p, _ := Check(s.ctx, s.console, Request{Campaign: campaign, Rows: csv("external_id,age\na,36\n")}); p.Invalid != 1 || p.Faults[0].Code != "variable_missing" {
		t.Errorf("%+v", p)
	}
	s.exec(`update public.campaigns set variables = variables || '{"strict": false}'`)
	p, err = Check(s.ctx, s.console, Request{Campaign: campaign, Rows: csv("external_id,first_name,E mail,town\na,Ada,a@example.com,Bern\n")})
	if err != nil || p.Invalid != 0 || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "“E mail”, “town”") {
		t.Errorf("%+v, %v", p, err)
	}
	b, _ := s.create(Request{Campaign: campaign, Rows: csv("external_id,first_name,E mail,town\na,Ada,a@example.com,Bern\n")})
	if values := get[string](s, "select variables::text from public.renders"); values != `{"town": "Bern", "first_name": "Ada"}` {
		t.Errorf("the render has %s", values)
	}
	if !strings.HasPrefix(strings.Split(s.result(b.ID), "\n")[1], "a,Ada,a@example.com,Bern,") {
		t.Errorf("the result is %s", s.result(b.ID))
	}
}

func TestAPreviewSaysWhatIsShared(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	campaign := s.campaign()
	list := Request{Campaign: campaign, Rows: csv("external_id,first_name,age\na,Ada,36\nb,Bob,36\nc,Bob,40\n")}
	// Two pages of their own, one that all have, and two of the options that differ.
	if p, err := Check(s.ctx, s.console, list); err != nil || *p.Recordings != (Shared{9, 5}) || *p.Segments != (Shared{9, 5}) {
		t.Errorf("%+v %+v, %v", p.Recordings, p.Segments, err)
	}
	s.exec("update public.campaigns set facecam_url = 'https://example.com/{{first_name}}.mp4'")
	if p, err := Check(s.ctx, s.console, list); err != nil || *p.Recordings != (Shared{9, 5}) || *p.Segments != (Shared{9, 7}) {
		t.Errorf("with facecams: %+v %+v, %v", p.Recordings, p.Segments, err)
	}
	s.exec(`update public.campaigns set output_options = '{"cache": "off"}'`)
	if p, err := Check(s.ctx, s.console, list); err != nil || *p.Recordings != (Shared{9, 9}) {
		t.Errorf("without the cache: %+v, %v", p.Recordings, err)
	}
}
