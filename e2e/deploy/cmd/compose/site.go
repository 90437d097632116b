package main

import (
	"context"
	"fmt"
	"html"
	"net"
	"net/http"
	"strings"
	"time"
)

// page moves all the time, so each frame is a picture of its own.
const page = `<!doctype html><title>%[1]s</title><style>
body { margin: 0; background: #123; color: #fff; font: 40px sans-serif }
div { position: absolute; top: 100px; width: 120px; height: 120px; background: #e84; animation: go 2s linear infinite }
@keyframes go { from { left: 0 } to { left: 500px } }</style><p>%[1]s</p><div></div>`

// site serves the pages that are rendered, on this machine's address in Docker's default network,
// which containers of other networks reach too.
type site struct {
	address string
	close   func()
}

func serveSite(ctx context.Context) (*site, error) {
	bridge, err := net.InterfaceByName("docker0")
	if err != nil {
		return nil, fmt.Errorf("look for Docker's default network: %w", err)
	}
	addresses, err := bridge.Addrs()
	if err != nil || len(addresses) == 0 {
		return nil, fmt.Errorf("look for an address in Docker's default network: %w", orNil(err))
	}
	host, _, _ := strings.Cut(addresses[0].String(), "/")
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("serve pages: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, page, html.EscapeString("Page "+r.URL.Path))
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // it says that it was closed
	}()
	return &site{address: listener.Addr().String(), close: func() {
		_ = server.Close()
		<-ended
	}}, nil
}
