package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Tool returns the path of a program that is a tool of the module e2e: nats-server or versitygw, at
// the version that e2e/go.mod pins. Go builds it where its build cache does not hold it yet. It is
// for tests: it needs Go and this repository above the working directory.
func Tool(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	cmd := exec.Command("go", "tool", "-n", name)
	cmd.Dir = filepath.Join(root, "e2e")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		return "", fmt.Errorf("build %s, a tool of %s/go.mod: %w", name, cmd.Dir, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Root returns the path of this repository, which must be above the working directory.
func Root() (string, error) {
	root, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(root, "go.work")); missing == nil {
			return root, nil
		}
		if root == filepath.Dir(root) {
			err = errors.New("no go.work above the test's folder")
		}
		root = filepath.Dir(root)
	}
	return "", err
}
