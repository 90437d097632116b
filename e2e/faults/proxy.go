package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/servers"
)

// proxies are the links between services and servers.
type proxies struct{ server *toxiproxy.ApiServer }

func newProxies() proxies {
	return proxies{toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())}
}

// link is the way from one service to one server.
type link struct {
	name  string
	proxy *toxiproxy.Proxy
	stop  bool
}

// Directions of a link.
const (
	toServer   = "upstream"
	fromServer = "downstream"
)

func (p proxies) link(name, server string) (*link, error) {
	// A port of the kernel's own choice may be another program's by the time it is opened again.
	port, err := servers.FreePort()
	if err != nil {
		return nil, err
	}
	l := &link{name: name, proxy: toxiproxy.NewProxy(p.server, name, servers.Loopback(port), server)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("open the link %s: %w", name, err)
	}
	return l, nil
}

// addr is where the service finds the server.
func (l *link) addr() string { return l.proxy.Listen }

// refuse ends all connections, and lets none come about.
func (l *link) refuse() error {
	l.stop = true
	return l.close()
}

// drop lets no byte through in the given directions. Connections come about, and stay.
func (l *link) drop(directions ...string) error {
	for _, d := range directions {
		if err := l.add("drop-"+d, "timeout", d, map[string]int{"timeout": 0}); err != nil {
			return err
		}
	}
	return nil
}

// delay holds what goes through for latency, more or less by jitter, in milliseconds.
func (l *link) delay(latency, jitter int) error {
	for _, d := range []string{toServer, fromServer} {
		if err := l.add("delay-"+d, "latency", d, map[string]int{"latency": latency, "jitter": jitter}); err != nil {
			return err
		}
	}
	return nil
}

func (l *link) add(name, kind, direction string, attributes map[string]int) error {
	text, err := json.Marshal(map[string]any{"name": name, "type": kind, "stream": direction, "toxicity": 1.0, "attributes": attributes})
	if err == nil {
		err = within(patience, "the link "+l.name+" is bad", func() error {
			_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("make a link bad: %w", err)
	}
	return nil
}

// heal makes the link good again. What was dropped is lost: its connections end.
func (l *link) heal(ctx context.Context) error {
	err := within(patience, "the link "+l.name+" carries everything again", func() error {
		l.proxy.Toxics.ResetToxics(ctx)
		return nil
	})
	if err != nil || !l.stop {
		return err
	}
	l.stop = false
	if err := l.proxy.Start(); err != nil {
		return fmt.Errorf("open a link again: %w", err)
	}
	return nil
}

func (l *link) close() error {
	return within(patience, "the link "+l.name+" is closed", func() error {
		l.proxy.Stop()
		return nil
	})
}
