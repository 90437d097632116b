package local

import (
	"fmt"
	"net"

	"github.com/loom-lite/loom-lite/pkg/servers"
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
		if l, err := net.Listen("tcp4", servers.Loopback(port)); err == nil {
			return l, nil
		}
	}
	l, err := net.Listen("tcp4", servers.Loopback(0))
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	return l, nil
}
