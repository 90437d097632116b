package rig

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

var ports struct {
	sync.Mutex
	given map[int]bool
}

// freePort returns a loopback port for a server that is told its port and may be started on it
// again. It lies below the range from which the kernel takes the ports of outgoing connections, so
// that none of those takes it in between.
func freePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = map[int]bool{}
	}
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		if ports.given[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		ports.given[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("find a free port: none is free between 10000 and 30000")
}
