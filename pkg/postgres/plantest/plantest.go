// Package plantest notes how Postgres carries statements out, those in functions included, so that
// tests see a table that is read as a whole before users do.
package plantest

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// goldenMajor is the version of Postgres that golden files are of. Others may plan in another way:
// what must not happen is checked with all of them.
const goldenMajor = 15

// Recorder notes the plans of what is executed with Pool.
type Recorder struct {
	// Pool has one connection, whose plans are noted between the beginning and the end of Note.
	Pool *pgxpool.Pool

	quiet  *pgxpool.Pool
	tables []string
	mu     sync.Mutex
	now    string // what is noted; empty: nothing
	noted  map[string][]statement
	order  []string
	// allowed are tables that may be read as a whole, by what was noted.
	allowed map[string][]string
}

// statement is one that was executed, as auto_explain writes it.
type statement struct {
	Text string `json:"Query Text"`
	Plan node   `json:"Plan"`
}

type node struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Index    string `json:"Index Name"`
	Hit      int    `json:"Shared Hit Blocks"`
	Read     int    `json:"Shared Read Blocks"`
	Below    []node `json:"Plans"`
}

// New returns a recorder of a database, for which tables grow. settings are set on the connection,
// such as "set plan_cache_mode = force_generic_plan".
func New(t testing.TB, url string, tables []string, settings string) *Recorder {
	t.Helper()
	r := &Recorder{noted: map[string][]statement{}, tables: tables, allowed: map[string][]string{}}
	open := func(change func(*pgxpool.Config)) *pgxpool.Pool {
		cfg, err := pgxpool.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		change(cfg)
		pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		return pool
	}
	r.quiet = open(func(*pgxpool.Config) {})
	r.Pool = open(func(cfg *pgxpool.Config) {
		cfg.MaxConns = 1
		cfg.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { r.add(n.Message) }
		cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
				set auto_explain.log_analyze = on; set auto_explain.log_buffers = on; set auto_explain.log_timing = off;
				set auto_explain.log_format = json; set auto_explain.log_level = notice; set jit = off; `+settings)
			return err
		}
	})
	return r
}

func (r *Recorder) add(message string) {
	_, text, ok := strings.Cut(message, "plan:\n")
	r.mu.Lock()
	defer r.mu.Unlock()
	var s statement
	if r.now == "" || !ok || json.Unmarshal([]byte(text), &s) != nil {
		return
	}
	r.noted[r.now] = append(r.noted[r.now], s)
}

// Quiet has connections whose plans are not noted.
func (r *Recorder) Quiet() *pgxpool.Pool { return r.quiet }

// Note notes the statements that f executes.
func (r *Recorder) Note(what string, f func()) {
	r.mu.Lock()
	r.now = what
	if !slices.Contains(r.order, what) {
		r.order = append(r.order, what)
	}
	r.mu.Unlock()
	f()
	r.mu.Lock()
	r.now = ""
	r.mu.Unlock()
}

// Allow lets what is noted as what read the whole of tables.
func (r *Recorder) Allow(what string, tables ...string) { r.allowed[what] = tables }

// Check fails for statements that read the whole of a table that grows, or more than maxBlocks
// blocks of 8 kB with those in the functions that they call. It looks at what was noted as only, if
// any is named.
func (r *Recorder) Check(t testing.TB, maxBlocks int, only ...string) {
	t.Helper()
	for _, what := range r.order {
		if len(only) > 0 && !slices.Contains(only, what) {
			continue
		}
		if len(r.noted[what]) == 0 {
			t.Errorf("%s: nothing was noted", what)
		}
		for _, s := range r.noted[what] {
			text := strings.Join(strings.Fields(s.Text), " ")
			s.Plan.each(func(n node) {
				if n.Type == "Seq Scan" && slices.Contains(r.tables, n.Relation) && !slices.Contains(r.allowed[what], n.Relation) {
					t.Errorf("%s: all of %s is read: %s", what, n.Relation, text)
				}
			})
			if blocks := s.Plan.Hit + s.Plan.Read; blocks > maxBlocks {
				t.Errorf("%s: %d blocks are read, %d at most: %s", what, blocks, maxBlocks, text)
			}
		}
	}
}

// Blocks are the most blocks that a statement of what was noted has read.
func (r *Recorder) Blocks(what string) (most int) {
	for _, s := range r.noted[what] {
		most = max(most, s.Plan.Hit+s.Plan.Read)
	}
	return most
}

// Golden fails for plans that are not those of a file: by which indexes tables that grow are read.
// update writes the file.
func (r *Recorder) Golden(t testing.TB, path string, update bool) {
	t.Helper()
	var golden strings.Builder
	for _, what := range r.order {
		var lines []string
		for _, s := range r.noted[what] {
			if scans := r.scans(s.Plan); scans != "" {
				lines = append(lines, "  "+scans+"\n")
			}
		}
		slices.Sort(lines)
		golden.WriteString(what + "\n" + strings.Join(slices.Compact(lines), ""))
	}
	if update {
		if err := os.WriteFile(path, []byte(golden.String()), 0o644); err != nil { //nolint:gosec // it is committed
			t.Fatal(err)
		}
		return
	}
	var major int
	if err := r.quiet.QueryRow(t.Context(), "select current_setting('server_version_num')::int / 10000").Scan(&major); err != nil {
		t.Fatal(err)
	}
	if major != goldenMajor {
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := golden.String(); got != string(want) {
		t.Errorf("plans have changed (-update-plans writes them):\n%s", got)
	}
}

func (n node) each(f func(node)) {
	f(n)
	for _, below := range n.Below {
		below.each(f)
	}
}

// scans are how the tables that grow are read, in order.
func (r *Recorder) scans(plan node) string {
	var list []string
	plan.each(func(n node) {
		switch {
		case n.Type == "ModifyTable":
		case n.Index != "":
			list = append(list, n.Type+" "+n.Index)
		case slices.Contains(r.tables, n.Relation) && n.Type != "Bitmap Heap Scan":
			list = append(list, n.Type+" "+n.Relation)
		}
	})
	return strings.Join(list, ", ")
}
