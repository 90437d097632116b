package forecast

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

// site is a database, and a forecaster that has the rights of a reader.
type site struct {
	t testing.TB
	*pgxpool.Pool
	forecaster *Forecaster
}

func newSite(t testing.TB) *site {
	t.Helper()
	db, err := pgxpool.New(t.Context(), migrated.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	config := db.Config()
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "set role loom_reader")
		return err
	}
	reader, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	return &site{t, db, New(reader)}
}

func (s *site) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// queue queues a render of so many scenes of ten seconds at 30 frames a second.
func (s *site) queue(scenes, priority int) (render uuid.UUID) {
	s.t.Helper()
	err := s.QueryRow(s.t.Context(), `with c as (insert into campaigns (name, user_id, output_fps) values ('x', gen_random_uuid(), 30) returning id),
		s as (insert into scenes (campaign_id, url, duration_sec, order_index) select id, 'https://' || n || '.example/', 10, n from c, generate_series(1, $1::int) n returning 1),
		r as (insert into renders (campaign_id) select id from c returning id)
		select id from r where (select count(*) from s) >= 0`, scenes).Scan(&render)
	if err != nil {
		s.t.Fatal(err)
	}
	s.exec("insert into render_jobs (render_id, priority) values ($1, $2)", render, priority)
	return render
}

// capacity is what ingest notes.
func (s *site) capacity(record, transcode, upload, renders int) {
	s.t.Helper()
	s.exec("select loom.note_capacity('{record,transcode,upload,renders,renders_per_owner,pages_per_host}', array[$1, $2, $3, $4, $4, 6]::int[])",
		record, transcode, upload, renders)
}

// history makes receipts of renders of two scenes of 300 frames, whose recording took so long for
// each frame, and nothing else any time.
func (s *site) history(renders int, perFrame float64) {
	s.t.Helper()
	s.exec(`insert into loom.receipts (plan_id, render_id, owner, outcome, ended_at, seconds, cpu_ms, bytes_in, bytes_out, bytes_web, kinds)
		select gen_random_uuid(), gen_random_uuid(), '', 'done', now() - n * interval '1 minute', 20, 0, 0, 0, 0, jsonb_build_object(
		  'record', jsonb_build_object('made', 2, 'frames', 600 * (1 + n % 3), 'made_ms', 600 * (1 + n % 3) * $2::float8 * 1000),
		  'normalize', '{"made": 10, "frames": 600, "made_ms": 1}'::jsonb, 'concat', '{"made": 1, "frames": 600, "made_ms": 1}'::jsonb,
		  'upload', '{"made": 1, "frames": 0, "made_ms": 1}'::jsonb)
		  from generate_series(1, $1::int) n`, renders, perFrame)
}

// of is a render's forecast, and in how many seconds it ends.
func (s *site) of(render uuid.UUID) (f Forecast, seconds float64) {
	s.t.Helper()
	s.forecaster.last = nil // what it found before
	list, err := s.forecaster.Of(s.t.Context(), render)
	if err != nil {
		s.t.Fatal(err)
	}
	f, found := list[render]
	if found && f.ETA != nil && f.ETA.EstimatedEnd != nil {
		if f.ETA.LikelyBy.Before(*f.ETA.EstimatedEnd) {
			s.t.Errorf("it ends by %v, and about %v", f.ETA.LikelyBy, f.ETA.EstimatedEnd)
		}
		seconds = f.ETA.EstimatedEnd.Sub(s.forecaster.last.at).Seconds()
	}
	return f, seconds
}

// why is the reason that nothing is said, and of which stage.
func why(f Forecast) string {
	if f.ETA == nil || f.ETA.Reason == nil {
		return fmt.Sprintf("none: %+v", f.ETA)
	}
	if f.ETA.Stage != nil {
		return string(*f.ETA.Reason) + " " + *f.ETA.Stage
	}
	return string(*f.ETA.Reason)
}
