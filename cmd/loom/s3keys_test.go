package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/servers/s3d"
	"github.com/loom-lite/loom-lite/pkg/store"
)

// A start of an installation runs it each time.
func TestS3KeysAreMadeOnceAndMayDoWhatTheirPolicySays(t *testing.T) {
	dir, err := os.MkdirTemp("", "s3keys") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	server, err := s3d.Start(t.Context(), s3d.Options{Dir: dir, AccessKey: "root", SecretKey: "root-secret", Keys: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	root, err := store.New(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, bucket := range []string{"loom-work", "videos", "thumbnails"} {
		if err := root.EnsureBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	a := &app{stdout: &out, stderr: &out, environ: map[string]string{"S3_ACCESS_KEY_ID": "root", "S3_SECRET_ACCESS_KEY": "root-secret"}}
	keys := t.TempDir()
	command := &s3KeysCmd{Dir: keys, Endpoint: server.Keys().Endpoint, Policies: "../../deploy/s3"}
	if err := command.Run(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	first := readKeys(t, keys)
	if err := command.Run(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if again := readKeys(t, keys); again != first {
		t.Error("the second run made other keys")
	}
	as := func(service string) *store.Client {
		cfg := server.Config
		cfg.AccessKeyID = strings.TrimSpace(readFile(t, filepath.Join(keys, service+".id")))
		cfg.SecretAccessKey = strings.TrimSpace(readFile(t, filepath.Join(keys, service+".secret")))
		client, err := store.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	if err := as("ingest").Put(t.Context(), "loom-work", "a/b", "text/plain", []byte("x")); err != nil {
		t.Errorf("ingest may not write to the work bucket: %v", err)
	}
	if err := as("uploader").Put(t.Context(), "videos", "a/b", "text/plain", []byte("x")); err != nil {
		t.Errorf("the uploader may not write videos: %v", err)
	}
	for bucket, service := range map[string]string{"videos": "ingest", "loom-work": "uploader", "thumbnails": "console"} {
		if err := as(service).Put(t.Context(), bucket, "c/d", "text/plain", []byte("x")); !errors.Is(err, store.ErrDenied) {
			t.Errorf("%s writes to %s: %v", service, bucket, err)
		}
	}
	if err := as("console").Download(t.Context(), "videos", "a/b", filepath.Join(t.TempDir(), "video")); err != nil {
		t.Errorf("the console may not read a video: %v", err)
	}
}

// readKeys returns all keys.
func readKeys(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name()+" "+readFile(t, filepath.Join(dir, e.Name())))
	}
	if len(all) != 6 {
		t.Errorf("%d files: %q", len(all), all)
	}
	return strings.Join(all, "")
}
