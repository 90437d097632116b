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
	cmd := exec.CommandContext(t.Context(), Program(t, "loom"), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "DATABASE_URL=" + p.Postgres.URL,
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
