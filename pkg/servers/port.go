package servers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports that FreePort chooses from. They lie below the range from which kernels take the ports of
// outgoing connections, so that none of those takes one between FreePort and the server's start, or
// while the server is stopped.
const lowest, highest = 10000, 30000

// given are the ports that FreePort has returned.
var given struct {
	sync.Mutex
	ports map[int]bool
}

// FreePort returns a loopback port for a server that opens its port itself: the first of preferred
// that is free, else one that it has not returned before. Another program may take the port before
// the server does.
func FreePort(preferred ...int) (int, error) {
	for _, port := range preferred {
		if isFree(port) {
			return port, nil
		}
	}
	given.Lock()
	defer given.Unlock()
	if given.ports == nil {
		given.ports = map[int]bool{}
	}
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest)
		if !given.ports[port] && isFree(port) {
			given.ports[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port: none is free between %d and %d", lowest, highest)
}

func isFree(port int) bool {
	l, err := net.Listen("tcp4", Loopback(port))
	return err == nil && l.Close() == nil
}

// ErrPortTaken says that another program has a server's port.
var ErrPortTaken = errors.New("its port is taken")

// Loopback is the address of a port on 127.0.0.1.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
