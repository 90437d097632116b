package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/forecast"
)

func TestARenderThatHasNotEndedSaysWhenItWill(t *testing.T) {
	s := newSite(t)
	token := s.token(access.Write)
	id := s.render(token)
	type said struct {
		Position *int `json:"queue_position"`
		ETA      *struct {
			EstimatedEnd, LikelyBy *time.Time
			Reason                 *string `json:"reason"`
		} `json:"eta"`
	}
	read := func() (f said) {
		t.Helper()
		s.api.cfg.Forecasts = forecast.New(s.api.cfg.DB) // it knows nothing of before
		s.must(http.StatusOK, token, "GET", "/v1/renders/"+id, nil).into(t, &f)
		return f
	}
	if f := read(); f.Position == nil || *f.Position != 0 || f.ETA == nil || f.ETA.Reason == nil || *f.ETA.Reason != "no_ingest" {
		t.Errorf("without ingest it says %+v", f)
	}
	s.exec("select loom.note_capacity('{record,transcode,upload,renders,renders_per_owner}', '{1,1,1,4,4}')")
	s.exec(`insert into loom.receipts (plan_id, render_id, owner, outcome, ended_at, seconds, cpu_ms, bytes_in, bytes_out, bytes_web, kinds)
		values (gen_random_uuid(), gen_random_uuid(), '', 'done', now(), 2, 0, 0, 0, 0, '{"record": {"made": 1, "frames": 120, "made_ms": 3000}}')`)
	var f struct {
		ETA struct {
			EstimatedEnd time.Time `json:"estimated_end"`
			LikelyBy     time.Time `json:"likely_by"`
		} `json:"eta"`
	}
	s.api.cfg.Forecasts = forecast.New(s.api.cfg.DB) // it knows nothing of before
	s.must(http.StatusOK, token, "GET", "/v1/renders/"+id, nil).into(t, &f)
	now := get[time.Time](s, "select now()")
	if !f.ETA.EstimatedEnd.After(now) || !f.ETA.LikelyBy.After(f.ETA.EstimatedEnd) || f.ETA.LikelyBy.Sub(now) > time.Hour {
		t.Errorf("at %v it ends about %v, likely by %v", now, f.ETA.EstimatedEnd, f.ETA.LikelyBy)
	}
	var list struct {
		Items []said `json:"items"`
	}
	s.must(http.StatusOK, token, "GET", "/v1/renders", nil).into(t, &list)
	if len(list.Items) != 1 || list.Items[0].ETA == nil || list.Items[0].Position == nil {
		t.Errorf("the list has %+v", list.Items)
	}
	var stages struct {
		Backlog struct {
			Queued int       `json:"jobs_queued"`
			ETA    *struct{} `json:"eta"`
		} `json:"backlog"`
	}
	s.must(http.StatusOK, token, "GET", "/v1/stages", nil).into(t, &stages)
	if stages.Backlog.Queued != 1 || stages.Backlog.ETA == nil {
		t.Errorf("the backlog is %+v", stages.Backlog)
	}
	s.must(http.StatusOK, token, "POST", "/v1/renders/"+id+"/cancel", nil)
	if f := read(); f.Position != nil || f.ETA != nil {
		t.Errorf("when it has ended it says %+v", f)
	}
}
