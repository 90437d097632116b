package podcost

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ServiceAccount is the folder with a pod's token, its namespace and the API server's certificates.
const ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// annotation is Kubernetes' own: the ReplicaSet controller reads it.
const annotation = "controller.kubernetes.io/pod-deletion-cost"

// largest bounds an answer: a thousand pods' metadata is about two megabytes.
const largest = 64 << 20

// Pods are those of a namespace, by the API server.
type Pods struct {
	base   string
	token  string // the file, which the kubelet writes anew before the token expires
	client *http.Client
}

// Pod is a pod's name and its deletion cost, "" while it has none.
type Pod struct{ Name, Cost string }

// InCluster returns the pods of the namespace that this process runs in. Settings and the service
// account's folder are those that Kubernetes gives each pod.
func InCluster(environ map[string]string, account string) (*Pods, error) {
	host, port := environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"]
	if host == "" || port == "" {
		return nil, errors.New("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: it runs in a pod")
	}
	namespace, err := os.ReadFile(filepath.Join(account, "namespace"))
	if err != nil {
		return nil, fmt.Errorf("read the pod's namespace: %w", err)
	}
	certificates, err := os.ReadFile(filepath.Join(account, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("read the API server's certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificates) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(account, "ca.crt"))
	}
	return &Pods{
		base:  "https://" + net.JoinHostPort(host, port) + "/api/v1/namespaces/" + url.PathEscape(strings.TrimSpace(string(namespace))) + "/pods",
		token: filepath.Join(account, "token"),
		client: &http.Client{
			Timeout: 20 * time.Second,
			// Neither a proxy nor another server gets the token.
			Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// List returns the pods that a selector matches.
func (p *Pods) List(ctx context.Context, selector string) ([]Pod, error) {
	// Any state that the API server has at hand will do, and no more of a pod than its metadata.
	query := url.Values{"labelSelector": {selector}, "resourceVersion": {"0"}}
	var list struct {
		Items []struct {
			Metadata struct {
				Name        string            `json:"name"`
				Annotations map[string]string `json:"annotations"`
			} `json:"metadata"`
		} `json:"items"`
	}
	if err := p.do(ctx, http.MethodGet, p.base+"?"+query.Encode(), nil, &list); err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	pods := make([]Pod, len(list.Items))
	for i, item := range list.Items {
		pods[i] = Pod{item.Metadata.Name, item.Metadata.Annotations[annotation]}
	}
	return pods, nil
}

// setCost sets a pod's deletion cost, and removes it where cost is "". A pod that has gone needs
// none.
func (p *Pods) setCost(ctx context.Context, name, cost string) error {
	var value any // null removes it
	if cost != "" {
		value = cost
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{annotation: value}}})
	if err != nil {
		return err
	}
	err = p.do(ctx, http.MethodPatch, p.base+"/"+url.PathEscape(name), body, nil)
	if status := (statusError{}); errors.As(err, &status) && status.code == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set the cost of %s: %w", name, err)
	}
	return nil
}

// statusError is an answer that is not 200.
type statusError struct {
	code int
	says string
}

func (e statusError) Error() string {
	return fmt.Sprintf("the API server answers %d: %s", e.code, e.says)
}

func (p *Pods) do(ctx context.Context, method, address string, body []byte, into any) error {
	token, err := os.ReadFile(p.token)
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("User-Agent", "loom-lite")
	kind := "PartialObjectMetadata"
	if method == http.MethodGet {
		kind = "PartialObjectMetadataList"
	}
	request.Header.Set("Accept", "application/json;as="+kind+";g=meta.k8s.io;v=v1")
	if body != nil {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, largest))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		var status struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(answer, &status)
		return statusError{response.StatusCode, cmp.Or(status.Message, http.StatusText(response.StatusCode))}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
