package check

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

const chart = "../loom-lite"

var update = flag.Bool("update", false, "write the golden files and README.md")

// program is the path of the helm of go.mod.
var program = sync.OnceValues(func() (string, error) {
	path, err := exec.Command("go", "tool", "-n", "helm").Output()
	return strings.TrimSpace(string(path)), err
})

// helm runs helm without anything of the user's.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatalf("build helm: %v", err)
	}
	cmd := exec.Command(path, args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG="+filepath.Join(home, "none"))
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), problems.String())
	}
	return out.String(), nil
}

// object is one of a template's objects.
type object struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ObjectMeta `json:"metadata"`
	text            []byte
}

func rendered(t *testing.T, values string, more ...string) []object {
	t.Helper()
	out, err := helm(t, append([]string{"template", "loom", chart, "--namespace", "videos", "-f", values}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	var list []object
	for _, text := range strings.Split(out, "\n---\n") {
		o := object{text: []byte(text)}
		if err := yaml.Unmarshal(o.text, &o); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		if o.Kind != "" {
			list = append(list, o)
		}
	}
	return list
}

// valueSets are the files of values that the chart is made with.
func valueSets(t *testing.T) []string {
	t.Helper()
	sets, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(sets) < 4 {
		t.Fatalf("%v, %v", sets, err)
	}
	return sets
}

func TestTheTemplatesMakeWhatTheGoldenFilesHave(t *testing.T) {
	for _, values := range valueSets(t) {
		t.Run(filepath.Base(values), func(t *testing.T) {
			got, err := helm(t, "template", "loom", chart, "--namespace", "videos", "-f", values)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", filepath.Base(values))
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(golden); err != nil || string(want) != got {
				t.Errorf("%s (go test ./... -update writes it) is not what the templates make: %v", golden, err)
			}
			if _, err := helm(t, "lint", "--strict", chart, "-f", values); err != nil {
				t.Error(err)
			}
		})
	}
}

// types are Kubernetes' own, which a template's objects are read into to the last field.
var types = map[string]func() any{
	"admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy":        func() any { return &admissionv1.ValidatingAdmissionPolicy{} },
	"admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding": func() any { return &admissionv1.ValidatingAdmissionPolicyBinding{} },
	"apps/v1 Deployment":                       func() any { return &appsv1.Deployment{} },
	"autoscaling/v2 HorizontalPodAutoscaler":   func() any { return &autoscalingv2.HorizontalPodAutoscaler{} },
	"batch/v1 Job":                             func() any { return &batchv1.Job{} },
	"networking.k8s.io/v1 Ingress":             func() any { return &networkingv1.Ingress{} },
	"networking.k8s.io/v1 NetworkPolicy":       func() any { return &networkingv1.NetworkPolicy{} },
	"policy/v1 PodDisruptionBudget":            func() any { return &policyv1.PodDisruptionBudget{} },
	"rbac.authorization.k8s.io/v1 Role":        func() any { return &rbacv1.Role{} },
	"rbac.authorization.k8s.io/v1 RoleBinding": func() any { return &rbacv1.RoleBinding{} },
	"v1 ConfigMap":                             func() any { return &corev1.ConfigMap{} },
	"v1 Pod":                                   func() any { return &corev1.Pod{} },
	"v1 ServiceAccount":                        func() any { return &corev1.ServiceAccount{} },
	"v1 Service":                               func() any { return &corev1.Service{} },
}

// operators are the kinds of KEDA and of Prometheus's operator: their schemas are theirs.
var operators = []string{"keda.sh/v1alpha1 ScaledObject", "keda.sh/v1alpha1 TriggerAuthentication", "monitoring.coreos.com/v1 ServiceMonitor"}

func TestKubernetesKnowsEveryField(t *testing.T) {
	for _, values := range valueSets(t) {
		for _, o := range rendered(t, values) {
			kind := o.APIVersion + " " + o.Kind
			if slices.Contains(operators, kind) {
				continue
			}
			into, found := types[kind]
			if !found {
				t.Errorf("%s: %s is no kind that this test knows", values, kind)
				continue
			}
			if err := yaml.UnmarshalStrict(o.text, into()); err != nil {
				t.Errorf("%s: %s %s: %v", values, kind, o.Metadata.Name, err)
			}
		}
	}
}

// pods are the pods that objects run.
func pods(t *testing.T, list []object) map[string]corev1.PodTemplateSpec {
	t.Helper()
	found := map[string]corev1.PodTemplateSpec{}
	for _, o := range list {
		var err error
		switch o.Kind {
		case "Deployment":
			var d appsv1.Deployment
			err = yaml.Unmarshal(o.text, &d)
			found[d.Labels["app.kubernetes.io/component"]] = d.Spec.Template
		case "Job":
			var j batchv1.Job
			err = yaml.Unmarshal(o.text, &j)
			found[j.Labels["app.kubernetes.io/component"]] = j.Spec.Template
		case "Pod":
			var p corev1.Pod
			err = yaml.Unmarshal(o.text, &p)
			found[p.Labels["app.kubernetes.io/component"]] = corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestPodsPassThePodSecurityStandardRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := psapi.LevelVersion{Level: psapi.LevelRestricted, Version: psapi.LatestVersion()}
	for _, values := range valueSets(t) {
		all := pods(t, rendered(t, values))
		if len(all) < 6 {
			t.Errorf("%s: %d pods", values, len(all))
		}
		for name, pod := range all {
			if result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec)); !result.Allowed {
				t.Errorf("%s: %s: %s", values, name, result.ForbiddenDetail())
			}
			if auto := pod.Spec.AutomountServiceAccountToken; auto == nil || *auto != (name == "deletion-cost") {
				t.Errorf("%s: %s has a token of the API server's, or lacks the one that it needs", values, name)
			}
			for _, c := range pod.Spec.Containers {
				if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
					t.Errorf("%s: %s writes to its root file system", values, c.Name)
				}
			}
		}
	}
}

// A worker gets no more than its NATS user: it runs strangers' pages and files.
func TestWorkersHaveNoSecretsButTheirNATSKey(t *testing.T) {
	for name, pod := range pods(t, rendered(t, "testdata/values/minimal.yaml")) {
		if name != "recorder" && name != "transcoder" {
			continue
		}
		for _, from := range pod.Spec.Containers[0].EnvFrom {
			if from.SecretRef != nil {
				t.Errorf("%s reads %s", name, from.SecretRef.Name)
			}
		}
		for _, v := range pod.Spec.Volumes {
			if v.Secret != nil && v.Secret.SecretName != "loom-nats-"+name {
				t.Errorf("%s mounts %s", name, v.Secret.SecretName)
			}
		}
	}
}

// A drain that is longer than the grace period would end by SIGKILL.
func TestPodsHaveLongerThanTheirDrain(t *testing.T) {
	for name, pod := range pods(t, rendered(t, "testdata/values/minimal.yaml", "--set", "drainSeconds=600")) {
		if name == "migrate" || name == "test" {
			continue
		}
		if grace := *pod.Spec.TerminationGracePeriodSeconds; grace != 615 {
			t.Errorf("%s has %d s", name, grace)
		}
	}
}

// Replicas that a scaler has set must stay: a Deployment that names a number would take them back
// at each upgrade.
func TestWhatIsScaledNamesNoReplicas(t *testing.T) {
	for kind, want := range map[string]bool{"none": true, "hpa": false, "keda": false} {
		for _, o := range rendered(t, "testdata/values/keda.yaml", "--set", "autoscaling.kind="+kind) {
			var d appsv1.Deployment
			if o.Kind != "Deployment" || yaml.Unmarshal(o.text, &d) != nil {
				continue
			}
			scaled := strings.HasSuffix(d.Name, "-recorder") || strings.HasSuffix(d.Name, "-transcoder")
			if names := d.Spec.Replicas != nil; names != (want || !scaled) {
				t.Errorf("with %s, %s names replicas: %v", kind, d.Name, names)
			}
		}
	}
}

// A change of settings replaces the pods of the services that it concerns, and no others.
func TestAChangeOfSettingsReplacesThePodsThatItConcerns(t *testing.T) {
	before := pods(t, rendered(t, "testdata/values/minimal.yaml"))
	after := pods(t, rendered(t, "testdata/values/minimal.yaml", "--set", "recorder.settings.RECORDER_PREFLIGHTS=3"))
	for name, pod := range before {
		const sum = "checksum/settings"
		if changed := pod.Annotations[sum] != after[name].Annotations[sum]; changed != (name == "recorder") {
			t.Errorf("%s is replaced: %v", name, changed)
		}
	}
}

// The alerts are those of deploy/observability, with the double braces that Prometheus fills in.
func TestThePrometheusRuleHasTheAlertsAsTheyAre(t *testing.T) {
	text, err := os.ReadFile("../../observability/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := yaml.Unmarshal(text, &want); err != nil || !bytes.Contains(text, []byte("{{ $")) {
		t.Fatalf("%v in the rules, or no templates", err)
	}
	for _, o := range rendered(t, "testdata/values/keda.yaml", "--set", "prometheusRule.enabled=true") {
		if o.Kind != "PrometheusRule" {
			continue
		}
		var rule struct {
			Spec any `json:"spec"`
		}
		if err := yaml.Unmarshal(o.text, &rule); err != nil {
			t.Fatal(err)
		}
		got = rule.Spec
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the PrometheusRule has\n%v\nwant\n%v", got, want)
	}
}

func TestValuesThatAreWrongAreRefusedByName(t *testing.T) {
	for set, want := range map[string]string{
		"nats.url=":           "nats.url is required: the NATS server's URL",
		"ingest.secret=":      "ingest.secret is required",
		"console.url=":        "console.url is required",
		"recorder.sandbox=on": "recorder/sandbox",
		"recorder.slots=0":    "recorder/slots",
		"recorder.slot=2":     "slot",
		"ingest.settings.DATABASE_URL=postgres://x": "DATABASE_URL",
		"autoscaling.kind=vpa":                      "autoscaling/kind",
		"autoscaling.kind=keda":                     "autoscaling.keda.secret is required",
		"autoscaling.deletionCost.enabled=true":     "autoscaling.deletionCost.secret is required",
	} {
		_, err := helm(t, "template", "loom", chart, "-f", "testdata/values/minimal.yaml", "--set", set)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", set, err)
		}
	}
}
