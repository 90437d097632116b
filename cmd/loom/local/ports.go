package local

import (
	"fmt"
	"net"
	"strconv"
)

// Ports that the servers are looked for at. Where one is taken, a free one is used instead.
const (
	natsPort     = 4222
	s3Port       = 7070
	postgresPort = 54320
	healthPort   = 3100
)

// listen listens on loopback: on the first free port of preferred, else on any.
func listen(preferred ...int) (net.Listener, error) {
	for _, port := range preferred {
		if l, err := net.Listen("tcp4", loopback(port)); err == nil {
			return l, nil
		}
	}
	l, err := net.Listen("tcp4", loopback(0))
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	return l, nil
}

// freePort finds a port for a server that listens by itself.
func freePort(preferred int) (int, error) {
	l, err := listen(preferred)
	if err != nil {
		return 0, err
	}
	port := portOf(l)
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
