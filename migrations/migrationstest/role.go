// Package migrationstest gives tests a database in which loom-lite has a role of its own, with the
// rights that the docs list and no others.
package migrationstest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

// The docs list the rights on page, below heading, in two blocks of SQL: the role and its grants,
// and the policies that replace BYPASSRLS.
const (
	page    = "docs/operations/database.md"
	heading = "## A role of its own\n"
)

// Role is a role of its own on a database that was migrated by the owner of the app's tables, which
// have row level security.
type Role struct {
	// URL is the database's, as the role.
	URL string
	// OwnerURL is the database's, as the owner of the app's tables.
	OwnerURL string
	// AdminURL is the database's, as a superuser.
	AdminURL string
	t        testing.TB
	name     string
	admin    *pgx.Conn
	grants   string
	policies string
}

// Of is how a role may see rows.
type Of bool

const (
	// Bypass is BYPASSRLS.
	Bypass Of = true
	// Policies are policies that are made for it.
	Policies Of = false
)

var serial atomic.Int64

// LeastRole makes a database and a role, which has no rights yet: see Grant.
func LeastRole(t testing.TB) *Role {
	t.Helper()
	admin := postgrestest.Database(t)
	r := &Role{t: t, name: fmt.Sprintf("worker_%d_%d", os.Getpid(), serial.Add(1))}
	r.grants, r.policies = blocks(t, r.name)
	r.admin = r.connect(admin)
	owner := r.name + "_owner"
	r.run(r.admin, fmt.Sprintf(`create role %[1]s login; create role %[2]s login;
		do $$ begin execute format('alter database %%I owner to %[1]s', current_database()); end $$`, owner, r.name))
	// The owner may not create roles, and another test may be creating these.
	r.run(r.admin, `do $$
		declare g text;
		begin
		  foreach g in array array['loom_ingest', 'loom_uploader', 'loom_reader', 'loom_console', 'loom_scaler'] loop
		    begin execute 'create role ' || g || ' nologin'; exception when duplicate_object or unique_violation then null; end;
		  end loop;
		end $$`)
	r.OwnerURL, r.URL, r.AdminURL = as(t, admin, owner), as(t, admin, r.name), admin
	conn := r.connect(r.OwnerURL)
	if _, err := migrations.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	r.run(conn, `alter table campaigns enable row level security; alter table scenes enable row level security;
		alter table renders enable row level security; alter table render_jobs enable row level security;
		create policy own on renders using (false)`)
	// As an upgrade does: policies are made for the groups where the app has row level security.
	r.run(conn, "select loom.grant_groups()")
	t.Cleanup(func() {
		conn := r.admin
		for _, role := range []string{r.name, owner} {
			_, err := conn.Exec(context.Background(), fmt.Sprintf("reassign owned by %[1]s to postgres; drop owned by %[1]s; drop role %[1]s", role))
			if err != nil {
				t.Error(err)
			}
		}
		_ = conn.Close(context.Background())
	})
	return r
}

// MemberOf is LeastRole for a role that is in one of the groups of 0012_roles.sql, and has no other
// rights.
func MemberOf(t testing.TB, group string) *Role {
	t.Helper()
	r := LeastRole(t)
	r.run(r.admin, fmt.Sprintf("grant %s to %s", group, r.name))
	return r
}

// Member makes another role, in one of the groups of 0012_roles.sql, and returns the database's URL
// as that role.
func (r *Role) Member(group string) (url string) {
	r.t.Helper()
	name := fmt.Sprintf("worker_%d_%d", os.Getpid(), serial.Add(1))
	r.run(r.admin, fmt.Sprintf("create role %s login in role %s", name, group))
	r.t.Cleanup(func() {
		// Before the role's own clean-up, whose connection this is.
		if _, err := r.admin.Exec(context.Background(), "drop role "+name); err != nil {
			r.t.Error(err)
		}
	})
	return as(r.t, r.AdminURL, name)
}

// Grant gives the role what the docs list.
func (r *Role) Grant(of Of) {
	r.t.Helper()
	owner := r.connect(r.OwnerURL)
	if of == Bypass {
		r.run(r.admin, fmt.Sprintf("alter role %s bypassrls", r.name))
	}
	r.run(owner, r.grants)
	if of == Policies {
		r.run(owner, r.policies)
	}
}

// GrantTables gives the role the docs' grants alone: it does not see rows.
func (r *Role) GrantTables() {
	r.t.Helper()
	r.run(r.connect(r.OwnerURL), r.grants)
}

// blocks reads the SQL of the docs: the grants, without the line that makes the role, and the
// policies.
func blocks(t testing.TB, role string) (grants, policies string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), page))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), heading)
	parts := strings.Split(section, "```")
	if !found || len(parts) < 4 {
		t.Fatalf("%s has no two blocks below %q", page, heading)
	}
	read := func(block string) string {
		return strings.ReplaceAll(strings.TrimPrefix(block, "sql\n"), "loom_worker", role)
	}
	first, grants, _ := strings.Cut(read(parts[1]), "\n")
	if !strings.HasPrefix(first, "create role ") {
		t.Fatalf("the first line is %q, which makes no role", first)
	}
	return grants, read(parts[3])
}

// root is the folder of the workspace.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("no workspace above the tests: %v", err)
	return ""
}

func as(t testing.TB, databaseURL, user string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(user)
	query := u.Query()
	query.Del("user")
	u.RawQuery = query.Encode()
	return u.String()
}

func (r *Role) connect(databaseURL string) *pgx.Conn {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), databaseURL)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.admin != nil {
		r.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	}
	return conn
}

func (r *Role) run(conn *pgx.Conn, sql string) {
	r.t.Helper()
	if _, err := conn.PgConn().Exec(r.t.Context(), sql).ReadAll(); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// Name is the role's.
func (r *Role) Name() string { return r.name }

// Owner is the name of the owner of the app's tables.
func (r *Role) Owner() string { return r.name + "_owner" }
