package postgrestest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Template is a database that is set up once and copied for each test.
type Template struct {
	make func() (name string, err error)
}

// NewTemplate returns a template that setup fills when it is first needed. setup must not keep
// conn.
func NewTemplate(setup func(ctx context.Context, conn *pgx.Conn) error) *Template {
	return &Template{make: sync.OnceValues(func() (string, error) {
		name := unique("template")
		if err := command(`create database "` + name + `"`); err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		s, err := running()
		if err != nil {
			return "", err
		}
		conn, err := pgx.Connect(ctx, s.URL(name))
		if err != nil {
			return "", err
		}
		defer func() { _ = conn.Close(ctx) }()
		if err := setup(ctx, conn); err != nil {
			return "", fmt.Errorf("set up the template: %w", err)
		}
		return name, nil
	})}
}

// Database returns the URL of a fresh copy of the template, which is dropped when t ends.
func (p *Template) Database(t testing.TB) (url string) {
	t.Helper()
	name, err := p.make()
	if err != nil {
		t.Fatal(err)
	}
	return fresh(t, name)
}

// Database returns the URL of a fresh, empty database, which is dropped when t ends.
func Database(t testing.TB) (url string) {
	t.Helper()
	return fresh(t, "template1")
}

func fresh(t testing.TB, template string) string {
	t.Helper()
	s, err := running()
	if err != nil {
		t.Fatal(err)
	}
	name := unique("test")
	if err := command(`create database "` + name + `" template "` + template + `"` + s.copying); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := command(`drop database "` + name + `" with (force)`); err != nil {
			t.Error(err)
		}
	})
	return s.URL(name)
}

var serial atomic.Int64

func unique(what string) string { return fmt.Sprintf("%s_%d_%d", what, os.Getpid(), serial.Add(1)) }

// copying lets one database be made at a time: PostgreSQL refuses to copy a template that another
// copy is reading.
var copying sync.Mutex

func command(sql string) error {
	s, err := running()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	copying.Lock()
	defer copying.Unlock()
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
