package postgresd

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

// Installation is an installed PostgreSQL.
type Installation struct {
	// Dir holds postgres, initdb and pg_ctl.
	Dir   string
	Major int
}

// Path returns the path of one of its programs.
func (i Installation) Path(name string) string { return filepath.Join(i.Dir, name) }

// ErrNotInstalled says that PostgreSQL is not installed on this machine.
var ErrNotInstalled = errors.New("no PostgreSQL is installed (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql)")

// places are where packages put the binaries of a version. PATH is searched as well.
var places = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // PostgreSQL's own RPMs
	"/usr/libexec/postgresql*",          // Alpine
	"/opt/homebrew/opt/postgresql*/bin", // macOS
	"/usr/local/opt/postgresql*/bin",    // macOS
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// Find returns the newest PostgreSQL, or, when major is not 0, one of that major version: a cluster
// can only be run by the version that made it. It returns ErrNotInstalled when there is none at
// all.
func Find(ctx context.Context, major int) (Installation, error) {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, pattern := range places {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		dirs = append(dirs, found...)
	}
	var all []Installation
	for _, dir := range dirs {
		if i, err := Inspect(ctx, dir); err == nil {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return Installation{}, ErrNotInstalled
	}
	if major == 0 {
		return slices.MaxFunc(all, func(a, b Installation) int { return cmp.Compare(a.Major, b.Major) }), nil
	}
	for _, i := range all {
		if i.Major == major {
			return i, nil
		}
	}
	return Installation{}, fmt.Errorf("the data was made by PostgreSQL %d, which is not installed: install it, or start with another --data",
		major)
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// Inspect returns the installation whose binaries are in dir.
func Inspect(ctx context.Context, dir string) (Installation, error) {
	i := Installation{Dir: dir}
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		if _, err := exec.LookPath(i.Path(name)); err != nil {
			return i, err
		}
	}
	out, err := exec.CommandContext(ctx, i.Path("postgres"), "--version").Output()
	if err != nil {
		return i, fmt.Errorf("ask %s for its version: %w", i.Path("postgres"), err)
	}
	m := versionText.FindSubmatch(out)
	if m == nil {
		return i, fmt.Errorf("unknown version of PostgreSQL: %s", strings.TrimSpace(string(out)))
	}
	i.Major, err = strconv.Atoi(string(m[1]))
	return i, err
}

// MajorOf returns the major version that made the cluster in data, 0 when there is none.
func MajorOf(data string) (int, error) {
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
