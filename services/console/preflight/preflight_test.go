package preflight

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/audit"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), migrated.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func scenes(urls ...string) (s renders.Submission) {
	s.Name = "Launch"
	for _, url := range urls {
		s.Scenes = append(s.Scenes, renders.Scene{URL: url, Seconds: 3, Options: []byte(`{"headers": {"X-Key": "secret"}}`)})
	}
	return s
}

func TestAPreflightIsReadAsItGoes(t *testing.T) {
	t.Parallel()
	db := database(t)
	asked, err := Of(scenes("https://a.example/x?token=secret", "https://b.example/"))
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	if err := Open(accesstest.Operator(t), db, id, asked); err != nil {
		t.Fatal(err)
	}
	get := func() *Preflight {
		t.Helper()
		p, err := Get(t.Context(), db, id)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprintf("%+v", p), "secret") {
			t.Errorf("a secret is told: %+v", p)
		}
		return p
	}
	finish := func(page int, sql string, args ...any) {
		t.Helper()
		_, err := db.Exec(t.Context(), `with g as (select p.id, g.* from loom.preflight_pages p, lateral loom.grant_page(p.id, 'w', gen_random_uuid(), '1 minute', null) g
			where p.preflight_id = $1::uuid and p.seq = $2::int) select `+sql+` from g`, append([]any{id, page}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
	}
	if p := get(); p.Status != "running" || len(p.Pages) != 2 || p.Pages[0].State != "due" || p.Pages[0].URL != "https://a.example/x" || p.Done() {
		t.Errorf("at first it is %+v", p)
	}
	finish(0, `loom.finish_page(id, attempt, $3::text::jsonb, 'key')`,
		`{"findings": [{"class": "login", "code": "scene_login_wall", "reason": "R.", "advice": "A."}], "fails": true, "load_ms": 1500, "picture": true}`)
	if p := get(); p.Status != "running" || p.Fails != 1 || p.Pages[0].Class != msg.ClassLogin || p.Pages[0].Advice != "A." ||
		p.Pages[0].PictureKey != "key" || p.Pages[0].LoadSeconds != 1.5 {
		t.Errorf("then it is %+v", p)
	}
	finish(1, `loom.fail_page(id, attempt, 'internal', 'Try again.', 'why', true)`)
	if p := get(); !p.Done() || p.Status != "done" || p.Pages[1].State != "failed" || p.Pages[1].Class != msg.ClassError || p.Pages[1].Reason != "Try again." {
		t.Errorf("in the end it is %+v", p)
	}
	var left string
	if err := db.QueryRow(t.Context(), "select string_agg(params::text, '') from loom.preflight_pages").Scan(&left); err != nil || left != "{}{}" {
		t.Errorf("the options that are left are %s, %v", left, err)
	}
}

func TestACancelledPreflightIsOver(t *testing.T) {
	t.Parallel()
	db := database(t)
	asked, err := Of(scenes("https://a.example/"))
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	if err := Open(accesstest.Operator(t), db, id, asked); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if cancelled, err := Cancel(accesstest.Operator(t), db, id); err != nil || cancelled != want {
			t.Fatalf("cancelled: %v, %v", cancelled, err)
		}
	}
	if p, err := Get(t.Context(), db, id); err != nil || p.Status != "cancelled" || !p.Done() {
		t.Errorf("it is %+v, %v", p, err)
	}
	if _, err := Get(t.Context(), db, uuid.New()); !errors.Is(err, ErrNotFound) {
		t.Errorf("another is %v", err)
	}
}

// The API, the dashboard and the command line all come here.
func TestWhoAsksForAPreflightIsInTheAuditLogOrItIsNotMade(t *testing.T) {
	t.Parallel()
	db, id := database(t), uuid.New()
	asked, err := Of(scenes("https://a.example/", "https://b.example/"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Open(t.Context(), db, id, asked); !errors.Is(err, audit.ErrNobody) {
		t.Errorf("nobody's preflight: %v", err)
	}
	if _, err := Get(t.Context(), db, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody's preflight is %v", err)
	}
	if err := Open(accesstest.Operator(t), db, id, asked); err != nil {
		t.Fatal(err)
	}
	if _, err := Cancel(t.Context(), db, id); !errors.Is(err, audit.ErrNobody) {
		t.Errorf("nobody cancels: %v", err)
	}
	for range 2 {
		if _, err := Cancel(accesstest.Operator(t), db, id); err != nil {
			t.Fatal(err)
		}
	}
	var campaign uuid.UUID
	if err := db.QueryRow(t.Context(), `with c as (insert into public.campaigns (id, name) values (gen_random_uuid(), 'Launch') returning id)
		insert into public.scenes (campaign_id, url, duration_sec, order_index) select id, 'https://a.example/', 2, 0 from c returning campaign_id`).Scan(&campaign); err != nil {
		t.Fatal(err)
	}
	if err := OpenCampaign(accesstest.Operator(t), db, uuid.New(), campaign); err != nil {
		t.Fatal(err)
	}
	list, err := audit.List(t.Context(), db, audit.Filter{}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, fmt.Sprint(e.Kind, " ", e.Action, " ", e.Detail))
		if e.Action == "preflight.cancel" && e.Target != "preflight/"+id.String() {
			t.Errorf("%s is cancelled", e.Target)
		}
	}
	want := []string{fmt.Sprintf("operator preflight.create map[campaign:%s]", campaign), "operator preflight.cancel map[]", "operator preflight.create map[pages:2]"}
	if !slices.Equal(got, want) {
		t.Errorf("the audit log has %q, want %q", got, want)
	}
}

func TestWhatCannotBeRenderedIsNotOpened(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"ftp://a.example/", "file:///etc/passwd", ""} {
		var invalid *plan.Invalid
		if _, err := Of(scenes(url)); !errors.As(err, &invalid) || invalid.Code != msg.CodeSceneURL {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// solid is a JPEG of one colour.
func solid(t *testing.T, c color.Color, width, height int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		m.Set(i%width, i/width, c)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTheSheetShowsEachPageInItsPlace(t *testing.T) {
	t.Parallel()
	p := &Preflight{Name: "Launch", Pages: []Page{
		{Scene: 1, State: "done", Class: msg.ClassOK, URL: "https://a.example/"},
		{Scene: 2, State: "done", Class: msg.ClassError, Fails: true, URL: "https://" + strings.Repeat("long.", 60) + "example/"},
		{Scene: 3, State: "done", Class: msg.ClassBlank, URL: "https://c.example/"},
		{Scene: 4, State: "cancelled"}, {Scene: 5, State: "done", Class: msg.ClassOK},
	}}
	red, blue := color.RGBA{0xff, 0, 0, 0xff}, color.RGBA{0, 0, 0xff, 0xff}
	sheet, err := Sheet(p, [][]byte{solid(t, red, 960, 540), nil, []byte("no picture"), nil, solid(t, blue, 270, 540)})
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := jpeg.Decode(bytes.NewReader(sheet))
	if err != nil {
		t.Fatal(err)
	}
	at := func(column, row, x, y int) (r, g, b uint8) {
		c := color.RGBAModel.Convert(drawn.At(margin+column*(cellWidth+gap)+x, margin+headHeight+row*(cellHeight+captionHeight+gap)+y)).(color.RGBA)
		return c.R, c.G, c.B
	}
	if r, _, b := at(0, 0, 5, 5); r < 200 || b > 60 {
		t.Error("the first page's picture is not red")
	}
	if r, g, b := at(1, 0, 5, 5); max(r, g, b) > 80 {
		t.Error("there is something in place of the second page's picture")
	}
	if r, _, b := at(0, 1, cellWidth/2, cellHeight/2); b < 200 || r > 60 {
		t.Error("the fifth page's picture is not blue")
	}
	if r, g, b := at(0, 1, 5, 5); max(r, g, b) > 80 {
		t.Error("a picture that is higher than wide fills its cell")
	}
	if _, g, _ := at(0, 0, 5, cellHeight+2); g < 120 {
		t.Error("the first page's mark is not green")
	}
	if r, g, _ := at(1, 0, 5, cellHeight+2); r < 150 || g > 110 {
		t.Error("the second page's mark is not red")
	}
	if want := 2*margin + 4*cellWidth + 3*gap; drawn.Bounds().Dx() != want {
		t.Errorf("the sheet is %d pixels wide, want %d", drawn.Bounds().Dx(), want)
	}
}

func TestASheetOfManyPagesIsBounded(t *testing.T) {
	t.Parallel()
	p := &Preflight{Pages: make([]Page, 500)}
	sheet, err := Sheet(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(sheet))
	if err != nil || config.Height > 20_000 {
		t.Errorf("it is %d pixels high, %v", config.Height, err)
	}
}
