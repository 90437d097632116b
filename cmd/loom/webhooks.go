package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/loom-lite/loom-lite/cmd/loom/remote"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

type webhooksCmd struct {
	Listen webhooksListenCmd `cmd:"" help:"Receive webhooks on this machine, verify them and print them."`
}

type webhooksListenCmd struct {
	Port       int      `default:"3299" help:"Port to listen on, on the loopback address (default: 3299); 0: a free one."`
	Events     []string `placeholder:"TYPE" help:"Types of events, divided by commas (default: all of renders and batches)."`
	Status     int      `default:"204" help:"What to answer, such as 500 to see how a message is tried again (default: 204)."`
	SecretFile string   `placeholder:"FILE" help:"Make no endpoint: one that exists sends here, and FILE has its secret."`
	JSON       bool     `help:"Print each message as a line of JSON."`
	dataFlag
}

// Help is shown by loom webhooks listen --help.
func (webhooksListenCmd) Help() string {
	return `It makes an endpoint that sends to this machine, and deletes it when it ends. So the console must be allowed to reach the
loopback address, as that of loom up is; elsewhere EGRESS_ALLOW=127.0.0.1 allows it. With --secret-file nothing is made: a
tunnel, for instance, sends here what another endpoint gets.`
}

const (
	// listenPath is where messages are received.
	listenPath = "/webhooks"
	// maxMessage bounds a message in bytes.
	maxMessage = 64 << 10
	// listening describes the endpoint.
	listening = "loom webhooks listen"
)

// Run receives messages until it is interrupted.
func (c *webhooksListenCmd) Run(ctx context.Context, a *app) error {
	if c.Status < 200 || c.Status > 599 {
		return usageError{fmt.Errorf("--status %d: it must be 200 to 599", c.Status)}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	url := "http://" + listener.Addr().String() + listenPath
	secret, remove, err := c.endpoint(ctx, a, url)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	a.say("listening at %s, Ctrl-C ends", url)
	inbox := &inbox{app: a, secret: secret, status: c.Status, json: c.JSON}
	mux := http.NewServeMux()
	mux.Handle("POST "+listenPath, inbox)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		_ = server.Close()
		err = <-served
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil // it was told to end
	}
	return errors.Join(err, remove())
}

// endpoint makes an endpoint that sends to url, unless the settings say that there is one. It
// returns its secret, and what deletes it.
func (c *webhooksListenCmd) endpoint(ctx context.Context, a *app, url string) (secret webhooks.Secret, remove func() error, err error) {
	remove = func() error { return nil }
	if c.SecretFile != "" {
		text, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return nil, nil, fmt.Errorf("read the secret: %w", err)
		}
		if secret, err = webhooks.ParseSecret(strings.TrimSpace(string(text))); err != nil {
			return nil, nil, usageError{fmt.Errorf("%s: %w", c.SecretFile, err)}
		}
		return secret, remove, nil
	}
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return nil, nil, err
	}
	if api, over := d.(*remote.Deployment); over && !api.Here() {
		return nil, nil, usageError{fmt.Errorf("the console at %s cannot send to this machine's loopback address: have a tunnel send "+
			"here what another endpoint gets, and name its secret with --secret-file", d.Where())}
	}
	e, secret, err := d.CreateEndpoint(ctx, webhooks.NewEndpoint{URL: url, Description: listening, Events: c.Events})
	if err != nil {
		d.Close()
		if invalid := new(webhooks.InvalidError); errors.As(err, &invalid) {
			return nil, nil, usageError{err}
		}
		return nil, nil, err
	}
	// One that was killed has left its own behind.
	old, err := d.Endpoints(ctx)
	for _, o := range old {
		if o.Description == listening && o.URL == url && o.ID != e.ID {
			err = errors.Join(err, d.DeleteEndpoint(ctx, o.ID))
		}
	}
	if err != nil {
		a.say("an endpoint of an earlier run may be left: %v", err)
	}
	return secret, func() error {
		defer d.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return d.DeleteEndpoint(ctx, e.ID)
	}, nil
}

// inbox prints what it receives.
type inbox struct {
	app    *app
	secret webhooks.Secret
	status int
	json   bool
	mu     sync.Mutex
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		http.Error(w, "the message could not be read", http.StatusBadRequest)
		return
	}
	m, err := webhooks.Verify(i.secret, r.Header, text)
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil {
		i.app.say("refused: %v", err)
		http.Error(w, "the message could not be verified", http.StatusUnauthorized)
		return
	}
	if i.json {
		line, err := json.Marshal(m)
		if err != nil {
			i.app.say("%v", err)
		}
		i.app.printf("%s\n", line)
	} else {
		var data bytes.Buffer
		if json.Indent(&data, m.Data, "", "  ") != nil {
			data.Reset()
			data.Write(m.Data)
		}
		i.app.printf("%s  %s  %s\n%s\n", m.Timestamp.Local().Format(time.TimeOnly), m.Type, m.ID, printableLines(data.String()))
	}
	w.WriteHeader(i.status)
}

// printableLines is printable for a text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}
