package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
)

const account = name + "-deletion-cost"

// rights asks the API server what the one account of the chart may do.
func (r *run) rights(ctx context.Context) error {
	as := "--as=system:serviceaccount:" + namespace + ":" + account
	for question, want := range map[string]string{
		"list pods": "yes", "patch pods": "yes",
		"get pods": "no", "delete pods": "no", "create pods": "no", "update pods": "no", "patch pods --subresource=status": "no", "create pods --subresource=exec": "no",
		"create pods --subresource=eviction": "no", "get secrets": "no", "list secrets": "no", "get configmaps": "no", "patch deployments.apps": "no",
		"patch deployments.apps --subresource=scale": "no", "create serviceaccounts --subresource=token": "no", "list pods --all-namespaces": "no", "patch pods --namespace=default": "no",
	} {
		arguments := append([]string{"-n", namespace, "auth", "can-i", as}, strings.Fields(question)...)
		// It ends with 1 after a no.
		got, _ := r.cluster.kubectl(ctx, nil, arguments...)
		if strings.TrimSpace(got) != want {
			return fmt.Errorf("may it %s? %q, want %s", question, got, want)
		}
	}
	pods, err := r.pods(ctx, "recorder")
	if err != nil || len(pods) == 0 {
		return fmt.Errorf("recorders: %v, %w", pods, orNil(err))
	}
	pod := slices.Sorted(maps.Keys(pods))[0]
	if err := r.cluster.serviceAccount(ctx); err != nil {
		return err
	}
	const cost = "controller.kubernetes.io/pod-deletion-cost"
	for what, text := range map[string]string{
		"an image":                      `{"spec":{"containers":[{"name":"recorder","image":"evil"}]}}`,
		"a label":                       `{"metadata":{"labels":{"app.kubernetes.io/component":"other"}}}`,
		"another annotation":            `{"metadata":{"annotations":{"other":"1"}}}`,
		"an annotation that is there":   `{"metadata":{"annotations":{"checksum/settings":"0"}}}`,
		"another annotation's removal":  `{"metadata":{"annotations":{"checksum/settings":null}}}`,
		"a finalizer":                   `{"metadata":{"finalizers":["example.com/kept"]}}`,
		"the owner":                     `{"metadata":{"ownerReferences":[]}}`,
		"an image and the cost at once": `{"metadata":{"annotations":{"` + cost + `":"1"}},"spec":{"containers":[{"name":"recorder","image":"evil"}]}}`,
	} {
		if err := r.cluster.patch(ctx, pod, text); err == nil || !strings.Contains(err.Error(), "nothing of a pod but its deletion cost") {
			return fmt.Errorf("it may change %s: %w", what, orNil(err))
		}
	}
	for _, text := range []string{`{"metadata":{"annotations":{"` + cost + `":"1"}}}`, `{"metadata":{"annotations":{"` + cost + `":null}}}`} {
		if err := r.cluster.patch(ctx, pod, text); err != nil {
			return err
		}
	}
	r.log.Add("the account of deletion-cost may list and patch pods of its namespace, and nothing else; the admission policy refuses every change but that of the cost")
	return nil
}

// serviceAccount writes what the kubelet gives the account's pod.
func (c *cluster) serviceAccount(ctx context.Context) error {
	token, err := c.kubectl(ctx, nil, "-n", namespace, "create", "token", account)
	if err != nil {
		return err
	}
	certificates, err := os.ReadFile(c.file("certificates/apiserver.crt"))
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(c.file("account"), 0o700), os.WriteFile(c.file("account/token"), []byte(token), 0o600),
		os.WriteFile(c.file("account/ca.crt"), certificates, 0o600), os.WriteFile(c.file("account/namespace"), []byte(namespace), 0o600))
}

// patch changes a pod as the account. kubectl would read the pod first, which the account may not.
func (c *cluster) patch(ctx context.Context, pod, text string) error {
	token, err := os.ReadFile(c.file("account/token"))
	if err != nil {
		return err
	}
	certificates, err := os.ReadFile(c.file("account/ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificates)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	address := fmt.Sprintf("https://127.0.0.1:%d/api/v1/namespaces/%s/pods/%s", c.port, namespace, pod)
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, address, strings.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	// A merge patch replaces lists, as an owner's references; containers are to be merged by name.
	kind := "application/merge-patch+json"
	if strings.Contains(text, "containers") {
		kind = "application/strategic-merge-patch+json"
	}
	request.Header.Set("Content-Type", kind)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if answer, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s, %w", response.Status, answer, orNil(err))
	}
	return nil
}

// disrupt drains a node. While no new pod finds a place, only one of a service's may be evicted.
func (r *run) disrupt(ctx context.Context) error {
	c := r.cluster
	if _, err := c.kubectl(ctx, nil, "cordon", "node-1", "node-2"); err != nil {
		return err
	}
	pods, err := r.pods(ctx, "transcoder")
	if err != nil || len(pods) != 4 {
		return fmt.Errorf("transcoders: %v, %w", pods, orNil(err))
	}
	names := slices.Sorted(maps.Keys(pods))
	evict := func(pod string) error {
		_, err := c.kubectl(ctx, fmt.Appendf(nil, `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q,"namespace":%q}}`, pod, namespace),
			"create", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+pod+"/eviction", "-f", "-")
		return err
	}
	// The budget's controller counts pods a moment after they have become ready.
	if err := c.until(ctx, "one transcoder may be evicted", func() error { return evict(names[0]) }); err != nil {
		return err
	}
	if err := evict(names[1]); err == nil || !strings.Contains(err.Error(), "disruption budget") {
		return fmt.Errorf("a second transcoder is evicted before the first has been replaced: %w", orNil(err))
	}
	if _, err := c.kubectl(ctx, nil, "uncordon", "node-2"); err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, nil, "drain", "node-1", "--delete-emptydir-data", "--timeout", patience.String()); err != nil {
		return err
	}
	nodes, err := r.in(ctx, "get", "pods", "--field-selector", "spec.nodeName=node-1", "-o", "name")
	if err != nil || nodes != "" {
		return fmt.Errorf("on node-1: %s, %w", nodes, orNil(err))
	}
	if _, err := c.kubectl(ctx, nil, "uncordon", "node-1"); err != nil {
		return err
	}
	for _, deployment := range []string{"ingest", "recorder", "transcoder", "uploader", "console", "deletion-cost"} {
		if _, err := r.in(ctx, "rollout", "status", "deployment/"+name+"-"+deployment, "--timeout", patience.String()); err != nil {
			return err
		}
	}
	r.log.Add("a second eviction of a transcoder is refused until the first pod has been replaced; `kubectl drain` of a node ends, and all Deployments are whole on the other")
	return r.settled(ctx, 14)
}

// scaleIn takes replicas away while some have tasks.
func (r *run) scaleIn(ctx context.Context) (err error) {
	db, err := startDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.stop()) }()
	loom := r.cluster.file("loom")
	if _, err := golang(ctx, "cmd/loom", "build", "-o", loom, "."); err != nil {
		return err
	}
	recorders, err := r.oldestFirst(ctx)
	if err != nil {
		return err
	}
	// Without costs Kubernetes keeps the oldest. So the newest are busy.
	busy := recorders[2:]
	for i, tasks := range []int{1, 2} {
		for range tasks {
			if err := db.begin(ctx, busy[i]); err != nil {
				return err
			}
		}
	}
	tell := func() error {
		_, _, err := both(ctx, r.cluster.dir, nil, []string{"DATABASE_URL=" + db.scaler, "KUBERNETES_SERVICE_HOST=127.0.0.1",
			"KUBERNETES_SERVICE_PORT=" + strconv.Itoa(r.cluster.port)}, loom, "deletion-cost", "--once",
			"--service-account", r.cluster.file("account"), "--selector", "app.kubernetes.io/instance="+release+",app.kubernetes.io/component in (recorder,transcoder)")
		return err
	}
	if err := tell(); err != nil {
		return err
	}
	// left scales to a number of replicas, and looks whether these are among them.
	left := func(replicas int, busy []string) error {
		if _, err := r.in(ctx, "scale", "deployment/"+name+"-recorder", "--replicas="+strconv.Itoa(replicas)); err != nil {
			return err
		}
		var pods map[string]string
		if err := r.cluster.until(ctx, fmt.Sprintf("%d recorders are left", replicas), func() (err error) {
			if pods, err = r.pods(ctx, "recorder"); err != nil || len(pods) != replicas {
				return fmt.Errorf("recorders: %v, %w", pods, orNil(err))
			}
			return nil
		}); err != nil {
			return err
		}
		for _, pod := range busy {
			if pods[pod] == "" {
				return fmt.Errorf("of %d recorders, %s, which is busy, was removed: left are %v", replicas+1, pod, pods)
			}
		}
		return nil
	}
	if err := left(3, busy); err != nil {
		return err
	}
	r.log.Add("4 recorders, the 2 newest with tasks: a scale-in by one takes an idle one")
	if err := left(2, busy); err != nil {
		return err
	}
	r.log.Add("a scale-in to 2 takes the other idle one, although it is the oldest")
	if err := left(1, busy[1:]); err != nil {
		return err
	}
	r.log.Add("a scale-in to 1 takes the recorder with one task, and leaves that with two")
	if err := db.end(ctx); err != nil {
		return err
	}
	if err := tell(); err != nil {
		return err
	}
	costs, err := r.in(ctx, "get", "pods", "-o", `jsonpath={.items[*].metadata.annotations.controller\.kubernetes\.io/pod-deletion-cost}`)
	if err != nil || strings.TrimSpace(costs) != "" {
		return fmt.Errorf("nobody has a task, and pods have the costs %q, %w", costs, orNil(err))
	}
	r.log.Add("when the tasks have ended, no pod has a cost")
	return nil
}

// oldestFirst are the recorders' pods by age.
func (r *run) oldestFirst(ctx context.Context) ([]string, error) {
	out, err := r.in(ctx, "get", "pods", "-l", "app.kubernetes.io/component=recorder", "--sort-by=.metadata.creationTimestamp", "-o",
		`jsonpath={.items[*].metadata.name}`)
	if pods := strings.Fields(out); err != nil || len(pods) != 4 {
		return nil, fmt.Errorf("recorders: %v, %w", pods, orNil(err))
	}
	return strings.Fields(out), nil
}
