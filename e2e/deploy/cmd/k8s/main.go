// Command k8s installs the Helm chart on a real control plane: etcd, kube-apiserver, controller
// manager and scheduler, which it builds from their modules. Nodes and the lives of pods are those
// of kwok: a pod that is scheduled turns ready, and nothing runs in it. So it shows everything of
// the chart but its containers, which `make e2e-compose` runs. It listens on loopback only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/e2e/deploy/timeline"
)

func main() {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	report := flag.String("report", "", "write the report to this `file` too")
	tools := flag.String("tools", filepath.Join(cache, "loom-lite", "k8s"), "keep what is built in this `folder`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &run{log: timeline.New(os.Stdout), tools: *tools}
	err = r.all(ctx)
	if err != nil {
		r.log.Add("FAILED: %v", err)
	}
	if *report != "" {
		err = errors.Join(err, os.WriteFile(*report, []byte(r.log.Report("The Helm chart on a real control plane", versions(), err)), 0o600))
	}
	if err != nil {
		os.Exit(1)
	}
}

// run is one run of everything.
type run struct {
	log     *timeline.Timeline
	tools   string
	cluster *cluster
}

func versions() string {
	return fmt.Sprintf(" Kubernetes %s, etcd %s, kwok %s, KEDA's kinds %s, Prometheus' operator's %s.", kubernetes, etcd, kwok, keda, operator)
}

func (r *run) all(ctx context.Context) (err error) {
	if err := buildTools(ctx, r.tools, r.log.Add); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "loom-e2e-k8s-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r.cluster = &cluster{dir: dir, tools: r.tools}
	defer func() { err = errors.Join(err, r.cluster.stop()) }()
	began := time.Now()
	if err := r.cluster.start(ctx); err != nil {
		return errors.Join(err, r.cluster.logs())
	}
	r.log.Add("the control plane and two nodes are up after %s", time.Since(began).Round(time.Second))
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"what the API server accepts and refuses", r.validate},
		{"install", r.install},
		{"upgrade and rollback", r.upgrade},
		{"rights", r.rights},
		{"disruption", r.disrupt},
		{"scale-in", r.scaleIn},
		{"uninstall", r.uninstall},
	} {
		began := time.Now()
		if err := part.do(ctx); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", part.name, err), r.cluster.logs())
		}
		r.log.Add("**%s**: passed in %s", part.name, time.Since(began).Round(100*time.Millisecond))
	}
	return nil
}
