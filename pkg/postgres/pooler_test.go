package postgres_test

import (
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pooler is a proxy for a real server that behaves like PgBouncer and Supavisor: it has a few
// connections to the server, gives one to a client for a transaction or a session, and announces
// made-up process IDs.
type pooler struct {
	t *testing.T
	// lasting: a client keeps its connection for a session. oldest: the connection that was
	// returned first is given out first, else the one that was returned last.
	lasting, oldest bool

	listener net.Listener
	clients  sync.WaitGroup

	mu    sync.Mutex
	back  sync.Cond
	idle  []*pgproto3.Frontend
	conns map[net.Conn]struct{}
}

// pooled returns databaseURL through a pooler that has n connections to the server.
func pooled(t *testing.T, databaseURL string, servers int, p *pooler) string {
	t.Helper()
	p.t, p.conns = t, map[net.Conn]struct{}{}
	p.back.L = &p.mu
	for range servers {
		conn, err := pgconn.Connect(t.Context(), databaseURL)
		if err != nil {
			t.Fatal(err)
		}
		server, err := conn.Hijack()
		if err != nil {
			t.Fatal(err)
		}
		p.conns[server.Conn] = struct{}{}
		p.idle = append(p.idle, server.Frontend)
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.clients.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.mu.Lock()
		for conn := range p.conns {
			_ = conn.Close()
		}
		p.mu.Unlock()
		p.clients.Wait()
	})
	u.Host = p.listener.Addr().String()
	return u.String()
}

func (p *pooler) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns[conn] = struct{}{}
		p.mu.Unlock()
		p.clients.Go(func() {
			defer func() { _ = conn.Close() }()
			p.serve(pgproto3.NewBackend(conn, conn))
		})
	}
}

// lend waits for a connection to the server, give returns it.
func (p *pooler) lend() (server *pgproto3.Frontend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) == 0 {
		p.back.Wait()
	}
	at := len(p.idle) - 1
	if p.oldest {
		at = 0
	}
	server = p.idle[at]
	p.idle = append(p.idle[:at:at], p.idle[at+1:]...)
	return server
}

func (p *pooler) give(server *pgproto3.Frontend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, server)
	p.back.Broadcast()
}

func (p *pooler) serve(client *pgproto3.Backend) {
	if _, err := client.ReceiveStartupMessage(); err != nil {
		return
	}
	client.Send(&pgproto3.AuthenticationOk{})
	for name, value := range map[string]string{"client_encoding": "UTF8", "standard_conforming_strings": "on", "server_version": "15.0"} {
		client.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	client.Send(&pgproto3.BackendKeyData{ProcessID: 1 << 30, SecretKey: []byte{1, 2, 3, 4}})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if client.Flush() != nil {
		return
	}
	var server *pgproto3.Frontend
	defer func() {
		if server != nil {
			p.give(server)
		}
	}()
	for {
		m, err := client.Receive()
		if err != nil {
			return
		}
		if _, over := m.(*pgproto3.Terminate); over {
			return
		}
		if server == nil {
			server = p.lend()
		}
		server.Send(m)
		if server.Flush() != nil {
			return
		}
		switch m.(type) {
		case *pgproto3.Sync, *pgproto3.Query:
		default:
			continue // no answer yet
		}
		status, ok := relay(client, server)
		if !ok {
			return
		}
		if status == 'I' && !p.lasting {
			p.give(server)
			server = nil
		}
	}
}

// relay passes on an answer up to its end, which says whether a transaction is open.
func relay(client *pgproto3.Backend, server *pgproto3.Frontend) (status byte, ok bool) {
	for {
		answer, err := server.Receive()
		if err != nil {
			return 0, false
		}
		client.Send(answer)
		if ready, over := answer.(*pgproto3.ReadyForQuery); over {
			return ready.TxStatus, client.Flush() == nil
		}
	}
}
