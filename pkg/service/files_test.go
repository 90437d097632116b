package service_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/service"
)

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestASecretIsReadFromItsFile(t *testing.T) {
	environ := map[string]string{
		"DATABASE_PASSWORD_FILE": file(t, " p@ss/w:ord#1 \r\n"), "S3_ACCESS_KEY_ID_FILE": "", "SSL_CERT_FILE": "/nowhere", "NATS_URL": "nats://h",
	}
	got, err := service.FromFiles(environ)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"DATABASE_PASSWORD": " p@ss/w:ord#1 ", "SSL_CERT_FILE": "/nowhere", "NATS_URL": "nats://h"}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q", name, got[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%q", got)
	}
}

func TestWrongFilesOfSecretsAreNamedAndNotQuoted(t *testing.T) {
	environ := map[string]string{
		"DATABASE_URL_FILE": t.TempDir(), "NATS_URL_FILE": file(t, "\n"), "WEBHOOK_KEY_FILE": file(t, strings.Repeat("k", 1<<20)),
		"ALERT_SECRET_FILE": "/no/such/hunter2", "ALERT_SECRET": "", "S3_SECRET_ACCESS_KEY_FILE": file(t, "hunter2"), "S3_SECRET_ACCESS_KEY": "s",
	}
	_, err := service.FromFiles(environ)
	want := `invalid settings:
  DATABASE_URL_FILE must be a file with the value of DATABASE_URL, which this user may read
  NATS_URL_FILE must be a file with the value of NATS_URL, which this user may read
  S3_SECRET_ACCESS_KEY_FILE must be left out where S3_SECRET_ACCESS_KEY is set
  WEBHOOK_KEY_FILE must be a file with the value of WEBHOOK_KEY, which this user may read
  ALERT_SECRET_FILE must be a file with the value of ALERT_SECRET, which this user may read`
	if !errors.Is(err, service.ErrConfig) || err.Error() != want {
		t.Errorf("%v", err)
	}
}
