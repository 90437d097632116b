package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/servers"
)

// members is how many servers a cluster has. Each stream has a replica on each.
const members = 3

// clusterKills kills one server at a time: two of three go on.
var clusterKills = Fault{
	Name: "nats cluster kills", What: "kill -9 of one of three NATS servers, the next when it is back, 12 times; streams with three replicas",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uncharged: true, EventsLost: true, Cluster: true, Check: replicated,
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 6)
		for i := range r.times(12) {
			pause(ctx, r.between(time.Second, 4*time.Second))
			n := r.brokers()[i%members]
			if err := n.kill(); err != nil {
				return err
			}
			r.count("kill -9 of a NATS server", 1)
			pause(ctx, r.between(0, 5*time.Second))
			if err := n.start(ctx); err != nil {
				return err
			}
			if err := n.awaitHealthy(ctx); err != nil {
				return err
			}
		}
		return stop()
	},
}

// clusterPartitions cuts one server off from the two others. Services stay connected to it.
var clusterPartitions = Fault{
	Name: "nats cluster partitions", What: "one of three NATS servers is cut off from the others for 5 to 30 s, 6 times; connections carry nothing, or are refused",
	Ingests: 2, Recorders: 2, Transcoders: 2, Retries: endless, EventsLost: true, Cluster: true, Check: replicated,
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 6)
		for i := range r.times(6) {
			pause(ctx, r.between(time.Second, 4*time.Second))
			alone := i % members
			for _, l := range r.routesOf(alone) {
				cut := l.refuse
				if i%2 == 0 {
					cut = func() error { return l.drop(toServer, fromServer) }
				}
				if err := cut(); err != nil {
					return err
				}
			}
			r.count("partitions", 1)
			pause(ctx, r.between(5*time.Second, 30*time.Second))
			for _, l := range r.routesOf(alone) {
				if err := l.heal(ctx); err != nil {
					return err
				}
			}
			for _, n := range r.brokers() {
				if err := n.awaitHealthy(ctx); err != nil {
					return err
				}
			}
		}
		return stop()
	},
}

// replicated: every stream is on all servers.
func replicated(ctx context.Context, r *Run) error {
	return r.askJetStream(ctx, func(ctx context.Context, js jetstream.JetStream) error {
		n := 0
		list := js.ListStreams(ctx)
		for info := range list.Info() {
			n++
			if info.Cluster == nil || len(info.Cluster.Replicas) != members-1 {
				r.found(Broken, "the stream %s has no replicas on all servers: %+v", info.Config.Name, info.Cluster)
			}
		}
		r.count("streams with three replicas", n)
		return list.Err()
	})
}

// brokers are all NATS servers.
func (s *system) brokers() []*natsServer { return append([]*natsServer{s.nats}, s.peers...) }

// natsURL names all NATS servers, the first by way of addr.
func (s *system) natsURL(addr string) string {
	urls := []string{"nats://" + addr}
	for _, n := range s.peers {
		urls = append(urls, "nats://"+n.addr())
	}
	return strings.Join(urls, ",")
}

// routesOf are the ways between a member of the cluster and the others, in both directions.
func (s *system) routesOf(member int) (list []*link) {
	for i, n := range s.brokers() {
		for j, l := range n.routes {
			if l != nil && (i == member || j == member) {
				list = append(list, l)
			}
		}
	}
	return list
}

// startCluster starts three servers whose routes lead through proxies.
func (s *system) startCluster(ctx context.Context) error {
	var all []*natsServer
	var ports []int
	for i := range members {
		dir := filepath.Join(s.dir, fmt.Sprintf("nats-%d", i+1))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		n, err := newNATS(dir)
		if err != nil {
			return err
		}
		port, err := servers.FreePort()
		if err == nil {
			n.monitor, err = servers.FreePort()
		}
		if err != nil {
			return err
		}
		all, ports = append(all, n), append(ports, port)
	}
	s.nats, s.peers = all[0], all[1:]
	for i, n := range all {
		var routes []string
		for j, port := range ports {
			if i == j {
				n.routes = append(n.routes, nil)
				continue
			}
			l, err := s.links.link(fmt.Sprintf("nats-%d-to-%d", i+1, j+1), servers.Loopback(port))
			if err != nil {
				return err
			}
			n.routes, routes = append(n.routes, l), append(routes, "nats://"+l.addr())
		}
		n.config = filepath.Join(n.dir, "nats.conf")
		// Servers tell each other no addresses: those lead past the proxies.
		text := fmt.Sprintf(`server_name: n%d
http: "%s"
cluster {
  name: faults
  listen: "%s"
  no_advertise: true
  routes: ["%s"]
}
`, i+1, servers.Loopback(n.monitor), servers.Loopback(ports[i]), strings.Join(routes, `", "`))
		if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
			return err
		}
		if err := n.start(ctx); err != nil {
			return err
		}
	}
	for _, n := range all {
		if err := n.awaitHealthy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitHealthy waits until the server has all that the others have.
func (n *natsServer) awaitHealthy(ctx context.Context) error {
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	return until(ctx, patience, "a NATS server is healthy", func() (bool, error) {
		if n.process.State() != nil {
			return false, errors.New("a NATS server has ended")
		}
		response, err := client.Get("http://" + servers.Loopback(n.monitor) + "/healthz")
		if err != nil {
			return false, nil
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
}
