package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/servers"
)

// patience bounds each wait. A machine that is busy starves what is waited for.
const patience = 5 * time.Minute

// cluster is a control plane, whose data is in dir.
type cluster struct {
	dir, tools string
	port       int
	processes  []*child.Process
}

func (c *cluster) file(name string) string { return filepath.Join(c.dir, name) }

// launch starts a program in the background, with its output in dir.
func (c *cluster) launch(ctx context.Context, name string, arguments ...string) error {
	log, err := os.Create(c.file(name + ".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(filepath.Join(c.tools, name), arguments...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, c.dir
	// Its own context: what it serves is needed for the removal of what was made.
	p, err := child.Start(context.WithoutCancel(ctx), cmd, child.Options{Grace: 10 * time.Second, Orphaned: syscall.SIGKILL})
	if err != nil {
		return err
	}
	c.processes = append(c.processes, p)
	return nil
}

// stop ends what was launched, the last first.
func (c *cluster) stop() error {
	for i := len(c.processes) - 1; i >= 0; i-- {
		// It was told to end: how it does is of no interest.
		_ = c.processes[i].Stop(syscall.SIGTERM, 15*time.Second)
	}
	c.processes = nil
	return nil
}

// logs are the ends of the programs' logs, as an error.
func (c *cluster) logs() error {
	var errs []error
	list, _ := filepath.Glob(c.file("*.log"))
	for _, path := range list {
		text, err := os.ReadFile(path)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		errs = append(errs, err, fmt.Errorf("%s:\n%s", filepath.Base(path), strings.Join(lines[max(0, len(lines)-5):], "\n")))
	}
	return errors.Join(errs...)
}

func (c *cluster) start(ctx context.Context) error {
	ports := make([]int, 6)
	for i := range ports {
		var err error
		if ports[i], err = servers.FreePort(); err != nil {
			return err
		}
	}
	c.port = ports[2]
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	token := rand.Text()
	certificate := c.file("certificates/apiserver.crt") // which the server makes
	if err := errors.Join(
		os.WriteFile(c.file("accounts.key"), block, 0o600),
		os.WriteFile(c.file("tokens.csv"), []byte(token+`,admin,admin,"system:masters"`+"\n"), 0o600),
		os.WriteFile(c.file("kubeconfig"), fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: loom, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %q}}]
users: [{name: admin, user: {token: %s}}]
contexts: [{name: loom, context: {cluster: loom, user: admin}}]
current-context: loom
`, c.port, certificate, token), 0o600)); err != nil {
		return err
	}
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	if err := c.launch(ctx, "etcd", "--data-dir", c.file("etcd"), "--unsafe-no-fsync", "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer); err != nil {
		return err
	}
	// A loopback address is none that an endpoint may have, so there is no endpoint of the API.
	if err := c.launch(ctx, "kube-apiserver", "--etcd-servers", client, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1",
		"--secure-port", strconv.Itoa(c.port), "--endpoint-reconciler-type", "none", "--cert-dir", c.file("certificates"),
		"--service-cluster-ip-range", "10.0.0.0/24", "--authorization-mode", "Node,RBAC", "--token-auth-file", c.file("tokens.csv"),
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", c.file("accounts.key"),
		"--service-account-signing-key-file", c.file("accounts.key")); err != nil {
		return err
	}
	if err := c.until(ctx, "the API server answers", func() error {
		_, err := c.kubectl(ctx, nil, "get", "--raw", "/readyz")
		return err
	}); err != nil {
		return err
	}
	if err := c.kinds(ctx); err != nil {
		return err
	}
	for i, more := range map[int][]string{
		3: {"kube-controller-manager", "--service-account-private-key-file", c.file("accounts.key"), "--root-ca-file", certificate},
		4: {"kube-scheduler"},
	} {
		if err := c.launch(ctx, more[0], append([]string{"--kubeconfig", c.file("kubeconfig"), "--bind-address", "127.0.0.1",
			"--secure-port", strconv.Itoa(ports[i]), "--leader-elect=false"}, more[1:]...)...); err != nil {
			return err
		}
	}
	return c.nodes(ctx, ports[5])
}

// kinds makes those of KEDA and of Prometheus' operator known, as their modules have them.
func (c *cluster) kinds(ctx context.Context) error {
	for _, of := range [][3]string{
		{"github.com/kedacore/keda/v2", keda, "config/crd/bases"},
		{"github.com/prometheus-operator/prometheus-operator", operator, "example/prometheus-operator-crd"},
	} {
		dir, err := moduleDir(ctx, of[0], of[1])
		if err != nil {
			return err
		}
		// They are too large for an apply by the client.
		if _, err := c.kubectl(ctx, nil, "apply", "--server-side", "-f", filepath.Join(dir, of[2])); err != nil {
			return err
		}
	}
	for _, kind := range []string{"scaledobjects", "triggerauthentications", "servicemonitors", "prometheusrules"} {
		if err := c.until(ctx, kind+" are known", func() error {
			_, err := c.kubectl(ctx, nil, "get", kind)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// nodes starts kwok and makes two nodes.
func (c *cluster) nodes(ctx context.Context, port int) error {
	source, err := moduleDir(ctx, "sigs.k8s.io/kwok", kwok)
	if err != nil {
		return err
	}
	// How nodes and pods live: ready at once, jobs complete at once.
	arguments := []string{"--kubeconfig", c.file("kubeconfig"), "--manage-all-nodes", "--server-address", fmt.Sprintf("127.0.0.1:%d", port)}
	for _, stage := range []string{"node/fast/node-initialize", "node/heartbeat/node-heartbeat", "pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete"} {
		arguments = append(arguments, "--config", filepath.Join(source, "kustomize/stage", stage+".yaml"))
	}
	if err := c.launch(ctx, "kwok", arguments...); err != nil {
		return err
	}
	for _, node := range []string{"node-1", "node-2"} {
		if _, err := c.kubectl(ctx, fmt.Appendf(nil, `{apiVersion: v1, kind: Node,
metadata: {name: %[1]s, labels: {kubernetes.io/os: linux, kubernetes.io/arch: amd64, kubernetes.io/hostname: %[1]s}},
status: {allocatable: {cpu: "64", memory: 256Gi, pods: "110"}, capacity: {cpu: "64", memory: 256Gi, pods: "110"}}}`, node), "apply", "-f", "-"); err != nil {
			return err
		}
	}
	if err := c.until(ctx, "there is a service account", func() error {
		_, err := c.kubectl(ctx, nil, "get", "serviceaccount", "default")
		return err
	}); err != nil {
		return err
	}
	_, err = c.kubectl(ctx, nil, "wait", "--for=condition=Ready", "--timeout", patience.String(), "node/node-1", "node/node-2")
	return err
}

// kubectl runs kubectl and returns what it prints.
func (c *cluster) kubectl(ctx context.Context, stdin []byte, arguments ...string) (string, error) {
	out, _, err := c.kubectlBoth(ctx, stdin, arguments...)
	return out, err
}

// kubectlBoth returns stderr too, where the server's warnings are.
func (c *cluster) kubectlBoth(ctx context.Context, stdin []byte, arguments ...string) (stdout, stderr string, err error) {
	return both(ctx, c.dir, stdin, c.environ(), filepath.Join(c.tools, "kubectl"), arguments...)
}

// helm runs helm in the repository, with nothing of the user's.
func (c *cluster) helm(ctx context.Context, arguments ...string) (string, error) {
	out, _, err := both(ctx, ".", nil, c.environ(), filepath.Join(c.tools, "helm"), arguments...)
	return out, err
}

func (c *cluster) environ() []string {
	return []string{"KUBECONFIG=" + c.file("kubeconfig"), "HOME=" + c.dir, "HELM_CONFIG_HOME=" + c.file("helm"), "HELM_CACHE_HOME=" + c.file("helm"), "HELM_DATA_HOME=" + c.file("helm")}
}

// until waits until what is true.
func (c *cluster) until(ctx context.Context, what string, is func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := is()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, err)
		case <-time.After(300 * time.Millisecond):
		}
	}
}
