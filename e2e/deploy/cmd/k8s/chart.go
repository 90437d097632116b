package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

const (
	chart     = "deploy/helm/loom-lite"
	sets      = "deploy/helm/check/testdata/values"
	release   = "loom"
	namespace = "videos"
	name      = "loom-loom-lite"
)

// full are the values that the chart is installed with: all that it has.
var full = []string{"-f", sets + "/keda.yaml", "--set", "prometheusRule.enabled=true"}

// in runs kubectl in the chart's namespace.
func (r *run) in(ctx context.Context, arguments ...string) (string, error) {
	return r.cluster.kubectl(ctx, nil, append([]string{"-n", namespace}, arguments...)...)
}

// validate asks the API server what it makes of the templates, to the field, without making
// anything, in a namespace that enforces the Pod Security Standard restricted.
func (r *run) validate(ctx context.Context) error {
	c := r.cluster
	if _, err := c.kubectl(ctx, nil, "create", "namespace", namespace); err != nil {
		return err
	}
	const level = "pod-security.kubernetes.io/"
	if _, err := c.kubectl(ctx, nil, "label", "namespace", namespace, level+"enforce=restricted", level+"warn=restricted"); err != nil {
		return err
	}
	files, err := filepath.Glob(sets + "/*.yaml")
	if err != nil || len(files) < 4 {
		return fmt.Errorf("%s: %d files, %w", sets, len(files), orNil(err))
	}
	variants := [][]string{full}
	for _, file := range files {
		variants = append(variants, []string{"-f", file})
	}
	for _, kind := range []string{"hpa", "none"} {
		variants = append(variants, append(slices.Clone(full), "--set", "autoscaling.kind="+kind))
	}
	for _, values := range variants {
		text, err := c.helm(ctx, append([]string{"template", release, chart, "-n", namespace, "--api-versions", "monitoring.coreos.com/v1"}, values...)...)
		if err != nil {
			return err
		}
		out, warnings, err := c.kubectlBoth(ctx, []byte(text), "-n", namespace, "apply", "--dry-run=server", "--validate=strict", "-f", "-")
		if err != nil || warnings != "" {
			return fmt.Errorf("%s: %w %s", strings.Join(values, " "), orNil(err), warnings)
		}
		r.log.Add("`%s`: the server takes all %d objects, and warns of nothing", strings.Join(values, " "), strings.Count(out, "(server dry run)"))
	}
	return r.refusals(ctx)
}

// refusals show that a mistake would have been seen.
func (r *run) refusals(ctx context.Context) error {
	c := r.cluster
	text, err := c.helm(ctx, append([]string{"template", release, chart, "-n", namespace}, full...)...)
	if err != nil {
		return err
	}
	for what, change := range map[string][3]string{
		"a field that a Deployment does not have":   {"enableServiceLinks:", "enableServicesLinks:", "unknown field"},
		"a field that a ScaledObject does not have": {"pollingInterval:", "pollInterval:", "unknown field"},
		"a field that a PrometheusRule lacks":       {"expr:", "expression:", "unknown field"},
		"pods that may gain privileges":             {"allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "would violate PodSecurity"},
	} {
		changed := strings.ReplaceAll(text, change[0], change[1])
		_, warnings, err := c.kubectlBoth(ctx, []byte(changed), "-n", namespace, "apply", "--dry-run=server", "--validate=strict", "-f", "-")
		if says := fmt.Sprint(warnings, err); changed == text || !strings.Contains(says, change[2]) {
			return fmt.Errorf("%s: nobody says %q: %s", what, change[2], says)
		}
	}
	_, err = r.in(ctx, "run", "root", "--image=x")
	if err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		return fmt.Errorf("a pod that is not restricted is made: %w", orNil(err))
	}
	r.log.Add("refused: unknown fields of a Deployment, a ScaledObject and a PrometheusRule, and pods that are not *restricted*")
	return nil
}

// install installs the chart, the migration's hook first.
func (r *run) install(ctx context.Context) error {
	c := r.cluster
	if _, err := c.helm(ctx, append([]string{"install", release, chart, "-n", namespace, "--wait", "--timeout", patience.String()}, full...)...); err != nil {
		return errors.Join(err, r.events(ctx))
	}
	events, err := r.in(ctx, "get", "events", "-o", `jsonpath={range .items[*]}{.involvedObject.kind}/{.involvedObject.name} {.reason} {.metadata.creationTimestamp}{"\n"}{end}`)
	if err != nil {
		return err
	}
	var migrated, began string
	for _, line := range strings.Split(events, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) != 3:
		case f[0] == "Job/"+name+"-migrate" && f[1] == "Completed":
			migrated = f[2]
		case strings.HasPrefix(f[0], "Deployment/") && (began == "" || f[2] < began):
			began = f[2]
		}
	}
	if migrated == "" || began == "" || began < migrated {
		return fmt.Errorf("the migration completed at %q, the first Deployment began at %q", migrated, began)
	}
	if jobs, err := r.in(ctx, "get", "jobs", "-o", "name"); err != nil || jobs != "" {
		return fmt.Errorf("jobs are left: %q, %w", jobs, orNil(err))
	}
	pods, err := r.pods(ctx, "")
	if err != nil || len(pods) != 8 {
		return fmt.Errorf("%d pods, want 8: %v, %w", len(pods), pods, orNil(err))
	}
	r.log.Add("`helm install --wait` ends: the migration's Job completed before the first Deployment, and is gone; %d pods are ready in a namespace that enforces *restricted*", len(pods))
	return nil
}

func (r *run) events(ctx context.Context) error {
	out, err := r.in(ctx, "get", "events", "--sort-by=.lastTimestamp")
	return errors.Join(err, errors.New(tail(out))) //nolint:err113 // what happened
}

// pods are the names and UIDs of a component's ready pods, of all where it is "".
func (r *run) pods(ctx context.Context, component string) (map[string]string, error) {
	selector := "app.kubernetes.io/instance=" + release
	if component != "" {
		selector += ",app.kubernetes.io/component=" + component
	}
	out, err := r.in(ctx, "get", "pods", "-l", selector, "-o",
		`jsonpath={range .items[?(@.status.phase=="Running")]}{.metadata.name} {.metadata.uid} {.metadata.deletionTimestamp}{"\n"}{end}`)
	pods := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		if f := strings.Fields(line); len(f) == 2 { // three: it is being deleted
			pods[f[0]] = f[1]
		}
	}
	return pods, err
}

// upgrade changes settings and replicas, and goes back.
func (r *run) upgrade(ctx context.Context) error {
	c := r.cluster
	upgraded := func(arguments ...string) error {
		_, err := c.helm(ctx, append(append([]string{"upgrade", release, chart, "-n", namespace, "--wait", "--timeout", patience.String()}, full...), arguments...)...)
		return err
	}
	// As KEDA does it.
	for _, worker := range []string{"recorder", "transcoder"} {
		if _, err := r.in(ctx, "scale", "deployment/"+name+"-"+worker, "--replicas=4"); err != nil {
			return err
		}
		if _, err := r.in(ctx, "rollout", "status", "deployment/"+name+"-"+worker, "--timeout", patience.String()); err != nil {
			return err
		}
	}
	before, err := r.pods(ctx, "")
	if err != nil {
		return err
	}
	if err := upgraded("--set", "recorder.settings.RECORDER_PREFLIGHTS=3"); err != nil {
		return err
	}
	if err := r.settled(ctx, 14); err != nil {
		return err
	}
	after, err := r.pods(ctx, "")
	if err != nil {
		return err
	}
	for pod, uid := range before {
		if kept := after[pod] == uid; kept == strings.Contains(pod, "-recorder-") {
			return fmt.Errorf("a setting of the recorder was changed; %s was kept: %v", pod, kept)
		}
	}
	if err := r.replicas(ctx, "after the upgrade"); err != nil {
		return err
	}
	r.log.Add("`helm upgrade` with a setting of the recorder replaces its pods and no others, and leaves the 4 replicas that a scaler set")
	if err := upgraded("--set", "drainSeconds=90"); err != nil {
		return err
	}
	if grace, err := r.in(ctx, "get", "deployment", name+"-transcoder", "-o", "jsonpath={.spec.template.spec.terminationGracePeriodSeconds}"); err != nil || grace != "105" {
		return fmt.Errorf("the grace period is %s, %w", grace, orNil(err))
	}
	if _, err := c.helm(ctx, "rollback", release, "1", "-n", namespace, "--wait", "--timeout", patience.String()); err != nil {
		return err
	}
	if grace, err := r.in(ctx, "get", "deployment", name+"-transcoder", "-o", "jsonpath={.spec.template.spec.terminationGracePeriodSeconds}"); err != nil || grace != "45" {
		return fmt.Errorf("the grace period is %s after the rollback, %w", grace, orNil(err))
	}
	if err := r.replicas(ctx, "after the rollback"); err != nil {
		return err
	}
	r.log.Add("`helm rollback --wait` goes back, and leaves the replicas too")
	return r.settled(ctx, 14)
}

// settled waits until as many pods are left.
func (r *run) settled(ctx context.Context, want int) error {
	return r.cluster.until(ctx, fmt.Sprintf("%d pods are left", want), func() error {
		out, err := r.in(ctx, "get", "pods", "-o", "name")
		if n := len(strings.Fields(out)); err != nil || n != want {
			return fmt.Errorf("there are %d pods, %w\n%s", n, orNil(err), out)
		}
		return nil
	})
}

func (r *run) replicas(ctx context.Context, when string) error {
	for _, worker := range []string{"recorder", "transcoder"} {
		if n, err := r.in(ctx, "get", "deployment", name+"-"+worker, "-o", "jsonpath={.spec.replicas}"); err != nil || n != "4" {
			return fmt.Errorf("%s %s has %s replicas, want 4; %w", when, worker, n, orNil(err))
		}
	}
	return nil
}

// uninstall leaves nothing of the chart's.
func (r *run) uninstall(ctx context.Context) error {
	if _, err := r.cluster.helm(ctx, "uninstall", release, "-n", namespace, "--wait", "--timeout", patience.String()); err != nil {
		return err
	}
	if err := r.settled(ctx, 0); err != nil {
		return err
	}
	const kinds = "deployments,replicasets,services,configmaps,jobs,networkpolicies,poddisruptionbudgets,serviceaccounts,roles,rolebindings,ingresses," +
		"horizontalpodautoscalers,scaledobjects,triggerauthentications,servicemonitors,prometheusrules,validatingadmissionpolicies,validatingadmissionpolicybindings"
	if err := r.cluster.until(ctx, "nothing is left", func() error {
		left, err := r.in(ctx, "get", kinds, "-l", "app.kubernetes.io/instance="+release, "-o", "name")
		if err != nil || left != "" {
			return fmt.Errorf("left: %s, %w", left, orNil(err))
		}
		return nil
	}); err != nil {
		return err
	}
	r.log.Add("`helm uninstall` leaves nothing")
	return nil
}

// orNil keeps %w from printing %!w(<nil>).
func orNil(err error) error {
	if err == nil {
		return errNone
	}
	return err
}

var errNone = errors.New("no error")
