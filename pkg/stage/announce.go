package stage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// Keys of a worker's metadata in the micro service that it registers.
const (
	MetaWorker   = "worker"
	metaRelease  = "release"
	MetaLoopback = "loopback"
)

// announce makes the worker findable (`nats micro ls`, `loom doctor`) and subscribes it to cancels.
// leave undoes both.
func (w *Worker) announce() (leave func(), err error) {
	cancels, err := w.nc.Subscribe(msg.AllCancels, func(m *nats.Msg) {
		if m.Reply != "" {
			// Not ingest's: a pull that names this subject for its answer makes JetStream deliver
			// here, for somebody who may not publish here.
			return
		}
		if c, err := msg.Decode[msg.Cancel](m.Data); err == nil {
			w.cancelRender(c.RenderID)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listen for cancels: %w", err)
	}
	listed, err := micro.AddService(w.nc, micro.Config{
		Name: w.Verb, Description: "loom-lite worker",
		// The version of the messages. The release is in the metadata.
		Version:  fmt.Sprintf("%d.0.0", msg.Version),
		Metadata: map[string]string{MetaWorker: w.WorkerID, metaRelease: service.Version(), MetaLoopback: Loopback()},
	})
	if err != nil {
		_ = cancels.Unsubscribe()
		return nil, fmt.Errorf("announce worker: %w", err)
	}
	return func() {
		_ = cancels.Unsubscribe()
		_ = listed.Stop()
	}, nil
}

// Loopback identifies what 127.0.0.1 means to this process: two processes with the same value reach
// the same servers there. On Linux that is the boot and the network namespace, so containers differ
// from their host.
func Loopback() string {
	boot, err1 := os.ReadFile("/proc/sys/kernel/random/boot_id")
	namespace, err2 := os.Readlink("/proc/self/ns/net")
	identity := strings.TrimSpace(string(boot)) + " " + namespace
	if err1 != nil || err2 != nil {
		host, err := os.Hostname()
		if err != nil {
			return ""
		}
		identity = "host " + host
	}
	sum := sha256.Sum256([]byte(identity))
	return hex.EncodeToString(sum[:8])
}
