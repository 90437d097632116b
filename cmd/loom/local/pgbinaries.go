package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pgBinaries is an installed PostgreSQL.
type pgBinaries struct {
	dir   string // holds postgres, initdb and pg_ctl
	major int
}

func (b pgBinaries) path(name string) string { return filepath.Join(b.dir, name) }

// ErrNoPostgres says that PostgreSQL is not installed on this machine.
var ErrNoPostgres = errors.New("no PostgreSQL is installed (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql)")

// pgPlaces are where packages put the binaries of a version; PATH is looked at as well.
var pgPlaces = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // PostgreSQL's own RPMs
	"/usr/libexec/postgresql*",          // Alpine
	"/opt/homebrew/opt/postgresql*/bin", // macOS
	"/usr/local/opt/postgresql*/bin",    // macOS
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// findPostgres finds the newest PostgreSQL, or, when major is not 0, one of that major version: a
// cluster can only be run by the version that made it.
func findPostgres(ctx context.Context, major int) (pgBinaries, error) {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, pattern := range pgPlaces {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		dirs = append(dirs, found...)
	}
	var all []pgBinaries
	for _, dir := range dirs {
		if b, err := inspectPostgres(ctx, dir); err == nil {
			all = append(all, b)
		}
	}
	if len(all) == 0 {
		return pgBinaries{}, ErrNoPostgres
	}
	if major == 0 {
		return slices.MaxFunc(all, func(a, b pgBinaries) int { return cmp.Compare(a.major, b.major) }), nil
	}
	for _, b := range all {
		if b.major == major {
			return b, nil
		}
	}
	return pgBinaries{}, fmt.Errorf("the data was made by PostgreSQL %d, which is not installed: install it, or start with another --data",
		major)
}

var pgVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspectPostgres looks at the binaries in dir.
func inspectPostgres(ctx context.Context, dir string) (pgBinaries, error) {
	b := pgBinaries{dir: dir}
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		if _, err := exec.LookPath(b.path(name)); err != nil {
			return b, err
		}
	}
	out, err := exec.CommandContext(ctx, b.path("postgres"), "--version").Output()
	if err != nil {
		return b, fmt.Errorf("ask %s for its version: %w", b.path("postgres"), err)
	}
	m := pgVersion.FindSubmatch(out)
	if m == nil {
		return b, fmt.Errorf("unknown version of PostgreSQL: %s", strings.TrimSpace(string(out)))
	}
	b.major, err = strconv.Atoi(string(m[1]))
	return b, err
}

// clusterMajor returns the major version that made the cluster in data, 0 when there is none.
func clusterMajor(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read version of the Postgres data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read version of the Postgres data: %w", err)
	}
	return major, nil
}

// CheckPostgres says which PostgreSQL a Stack on dir would run, or why it cannot run one.
func CheckPostgres(ctx context.Context, dir string) (string, error) {
	if _, err := postgresAccount(); err != nil {
		return "", err
	}
	major, err := clusterMajor(filepath.Join(dir, "postgres", "data"))
	if err != nil {
		return "", err
	}
	b, err := findPostgres(ctx, major)
	if errors.Is(err, ErrNoPostgres) && os.Geteuid() != 0 {
		return "none is installed: one is downloaded at the first start", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("PostgreSQL %d in %s", b.major, b.dir), nil
}
