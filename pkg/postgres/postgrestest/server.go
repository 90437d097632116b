package postgrestest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/loom-lite/loom-lite/pkg/servers"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// startTimeout bounds starting the server, and filling a template: seconds on a laptop, more on a
// machine that is busy.
const startTimeout = 90 * time.Second

// server is a running server, and how its databases are copied.
type server struct {
	*postgresd.Server
	copying string
}

// fileCopy is how a server copies a template fastest: as files, without a log of each page. Before
// version 15, it always does.
func fileCopy(major int) string {
	if major < 15 {
		return ""
	}
	return " strategy file_copy"
}

// running is the process's one server. No test stops it: it ends with the process.
var running = sync.OnceValues(func() (server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*startTimeout)
	defer cancel()
	installation, err := postgresd.Find(ctx, 0)
	if err != nil {
		return server{}, err
	}
	account, err := postgresd.ServerAccount()
	if err != nil {
		return server{}, err
	}
	for attempt := 1; ; attempt++ {
		s, err := start(ctx, installation, account)
		if err == nil || attempt == 3 || !errors.Is(err, servers.ErrPortTaken) {
			return server{s, fileCopy(installation.Major)}, err
		}
	}
})

func start(ctx context.Context, installation postgresd.Installation, account postgresd.Account) (*postgresd.Server, error) {
	home, err := folder("loom-postgres-")
	if err != nil {
		return nil, err
	}
	cluster := postgresd.Cluster{
		Installation: installation, Account: account, Data: filepath.Join(home, "data"), User: "postgres", Volatile: true,
	}
	if err := errors.Join(account.Own(home), cluster.Init(ctx)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	return cluster.StartKept(ctx, postgresd.Options{
		Settings: postgresd.Volatile, Log: filepath.Join(home, "log"), Within: startTimeout,
	}, home)
}
