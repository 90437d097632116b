package rig

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/natsauth"
)

// Loom runs the command line against this pipeline, and returns what it printed.
func (p *Pipeline) Loom(t testing.TB, args ...string) (stdout string) {
	t.Helper()
	return p.loom(t, p.Postgres.URL, args...)
}

// LoomAsReader is Loom for somebody who may read the database and nothing else.
func (p *Pipeline) LoomAsReader(t testing.TB, args ...string) (stdout string) {
	t.Helper()
	return p.loom(t, p.Postgres.URLAs(t, "reader"), args...)
}

func (p *Pipeline) loom(t testing.TB, databaseURL string, args ...string) (stdout string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Program(t, "loom"), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "DATABASE_URL=" + databaseURL,
		"S3_ENDPOINT=" + p.Store.Endpoint, "S3_ACCESS_KEY_ID=" + accessKey, "S3_SECRET_ACCESS_KEY=" + secretKey,
	}
	for name, value := range p.NATS.settings(natsauth.Observer) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("loom %v: %v\n%s%s", args, err, &out, &errs)
	}
	return out.String()
}
