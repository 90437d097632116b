package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/servers"
	"github.com/loom-lite/loom-lite/pkg/store"
)

// Buckets are the names that stand in policies for buckets of a test.
type Buckets struct{ Work, Videos, Thumbnails string }

// Policy returns the policy of a service's key, as deploy/s3 has it, for these buckets.
func Policy(t testing.TB, service string, b Buckets) string {
	t.Helper()
	root, err := servers.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy", "s3", service+".json"))
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:s3:::"
	return strings.NewReplacer(arn+"loom-work", arn+b.Work, arn+"videos", arn+b.Videos, arn+"thumbnails", arn+b.Thumbnails).Replace(string(text))
}

// Key makes a key that may do what policy allows, and returns a client that acts with it, closed
// when t ends, and its settings.
func Key(t testing.TB, policy string) (*store.Client, store.Config) {
	t.Helper()
	server, err := running()
	if err != nil {
		t.Fatal(err)
	}
	config, err := server.AddKey(t.Context(), fmt.Sprintf("user-%d", serial.Add(1)), policy)
	if err != nil {
		t.Fatal(err)
	}
	client, err := store.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, config
}
