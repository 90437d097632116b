package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The versions of what a run is made of.
const (
	kubernetes = "v1.37.2"
	etcd       = "v3.7.3"
	kwok       = "v0.8.0"
	keda       = "v2.21.0"
	operator   = "v0.85.0"
)

// tool is a program that is built from its module.
type tool struct{ name, module, version, pkg, flags string }

func tools() []tool {
	const stamp = "k8s.io/component-base/version"
	minor := strings.Split(kubernetes, ".")[1]
	// A server that does not know its version would fail the chart's kubeVersion.
	flags := fmt.Sprintf("-X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=1 -X %[1]s.gitMinor=%[3]s -X %[1]s.gitCommit=unknown", stamp, kubernetes, minor)
	list := []tool{
		{"etcd", "go.etcd.io/etcd/server/v3", etcd, "go.etcd.io/etcd/server/v3", ""},
		{"kwok", "sigs.k8s.io/kwok", kwok, "sigs.k8s.io/kwok/cmd/kwok", ""},
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"} {
		list = append(list, tool{name, "k8s.io/kubernetes", kubernetes, "k8s.io/kubernetes/cmd/" + name, flags})
	}
	return list
}

// buildTools builds what dir lacks. helm is the one that `make chart` checks with.
func buildTools(ctx context.Context, dir string, log func(string, ...any)) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, t := range tools() {
		began := time.Now()
		built, err := t.build(ctx, dir)
		if err != nil {
			return fmt.Errorf("build %s: %w", t.name, err)
		}
		if built {
			log("built %s %s in %s", t.name, t.version, time.Since(began).Round(time.Second))
		}
	}
	_, err := golang(ctx, "deploy/helm/check", "build", "-o", filepath.Join(dir, "helm"), "helm.sh/helm/v4/cmd/helm")
	return err
}

// build builds a tool in a module of its own, which takes over the tool's requirements and
// replacements: `go install` refuses a module with replacements, and a mere requirement ignores
// them.
func (t tool) build(ctx context.Context, dir string) (built bool, err error) {
	program, stamp := filepath.Join(dir, t.name), filepath.Join(dir, "."+t.name)
	if was, err := os.ReadFile(stamp); err == nil && strings.TrimSpace(string(was)) == t.version && exists(program) {
		return false, nil
	}
	source, err := moduleDir(ctx, t.module, t.version)
	if err != nil {
		return false, err
	}
	work, err := os.MkdirTemp("", "loom-build-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return false, err
		}
		if err := os.WriteFile(filepath.Join(work, name), text, 0o600); err != nil {
			return false, err
		}
	}
	edits, err := t.edits(ctx, work)
	if err != nil {
		return false, err
	}
	if _, err := golang(ctx, work, append([]string{"mod", "edit", "-module=build", "-require=" + t.module + "@" + t.version}, edits...)...); err != nil {
		return false, err
	}
	if _, err := golang(ctx, work, "build", "-mod=mod", "-trimpath", "-ldflags=-s -w "+t.flags, "-o", program, t.pkg); err != nil {
		return false, err
	}
	return true, os.WriteFile(stamp, []byte(t.version+"\n"), 0o600)
}

// edits are those of the replacements by folders beside the tool's module, which its zip lacks.
// Kubernetes requires such a module at v0.0.0, and publishes it as v0.x for its own v1.x. Others
// are required at the version that they are published as.
func (t tool) edits(ctx context.Context, work string) ([]string, error) {
	out, err := golang(ctx, work, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Require []struct{ Path, Version string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal([]byte(out), &mod); err != nil {
		return nil, err
	}
	required := map[string]string{}
	for _, r := range mod.Require {
		required[r.Path] = r.Version
	}
	var edits []string
	for _, r := range mod.Replace {
		switch {
		case !strings.HasPrefix(r.New.Path, "."):
		case required[r.Old.Path] == "v0.0.0":
			edits = append(edits, fmt.Sprintf("-replace=%[1]s=%[1]s@v0.%[2]s", r.Old.Path, strings.TrimPrefix(t.version, "v1.")))
		default:
			edits = append(edits, "-dropreplace="+r.Old.Path)
		}
	}
	return edits, nil
}

// moduleDir downloads a module, and returns its folder.
func moduleDir(ctx context.Context, module, version string) (string, error) {
	out, err := golang(ctx, os.TempDir(), "mod", "download", "-json", module+"@"+version)
	if err != nil {
		return "", err
	}
	var m struct{ Dir string }
	return m.Dir, errors.Join(json.Unmarshal([]byte(out), &m))
}

// golang runs the go command without a workspace, and returns what it wrote on stdout.
func golang(ctx context.Context, dir string, arguments ...string) (string, error) {
	out, _, err := both(ctx, dir, nil, nil, "go", arguments...)
	return out, err
}

// both returns stderr too.
func both(ctx context.Context, dir string, stdin []byte, environ []string, name string, arguments ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	cmd.Env = append(append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0"), environ...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), problems.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(arguments, " "), err, tail(out.String()), tail(problems.String()))
	}
	return out.String(), problems.String(), nil
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
