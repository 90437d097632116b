package ingest_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/ingest"
)

var minimal = map[string]string{
	"DATABASE_URL": "postgres://app:hunter2@db.example.com/app", "NATS_URL": "nats://127.0.0.1:4222",
	"S3_ENDPOINT": "http://127.0.0.1:7070", "S3_ACCESS_KEY_ID": "id", "S3_SECRET_ACCESS_KEY": "hunter2",
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	cfg, err := ingest.LoadConfig(minimal)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.PollInterval != 2000 || cfg.MaxRetries != 3 || cfg.Lease != 30*time.Second || cfg.MaxRenders != 16 ||
		cfg.Replicas != 1 || cfg.MaxSceneSeconds != 3600 || cfg.MaxRenderSeconds != 7200 || cfg.Retention != 24*time.Hour || cfg.HistoryKeep != 30*24*time.Hour ||
		cfg.WorkBucket != "loom-work" || cfg.Port != 3100 || cfg.WorkerID == "" {
		t.Errorf("defaults are %+v", cfg)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		set, clear string
		value      string
		says       []string
	}{
		"no database":              {clear: "DATABASE_URL", says: []string{"DATABASE_URL is not set"}},
		"not a database":           {set: "DATABASE_URL", value: "mysql://u:hunter2@h/d", says: []string{"DATABASE_URL must be"}},
		"no NATS":                  {clear: "NATS_URL", says: []string{"NATS_URL is not set"}},
		"poll interval of words":   {set: "WORKER_POLL_INTERVAL", value: "2s", says: []string{"WORKER_POLL_INTERVAL", "milliseconds"}},
		"poll interval of 0":       {set: "WORKER_POLL_INTERVAL", value: "0", says: []string{"WORKER_POLL_INTERVAL"}},
		"negative retries":         {set: "WORKER_MAX_RETRIES", value: "-1", says: []string{"WORKER_MAX_RETRIES"}},
		"a lease without a unit":   {set: "TASK_LEASE", value: "30", says: []string{"TASK_LEASE", "such as 30s"}},
		"a lease too short":        {set: "TASK_LEASE", value: "10ms", says: []string{"TASK_LEASE"}},
		"no renders":               {set: "INGEST_MAX_RENDERS", value: "0", says: []string{"INGEST_MAX_RENDERS"}},
		"negative retention":       {set: "WORK_RETENTION", value: "-1h", says: []string{"WORK_RETENTION"}},
		"the Node worker's key":    {set: "SUPABASE_SERVICE_ROLE_KEY", value: "hunter2", clear: "DATABASE_URL", says: []string{"DATABASE_URL", "session pooler", "Connect"}},
		"the Node worker's key, 2": {set: "SUPABASE_SERVICE_ROLE_KEY", value: "hunter2", clear: "S3_ACCESS_KEY_ID", says: []string{"S3_ACCESS_KEY_ID", "S3 access key"}},
	} {
		t.Run(name, func(t *testing.T) {
			environ := maps.Clone(minimal)
			delete(environ, c.clear)
			if c.set != "" {
				environ[c.set] = c.value
			}
			_, err := ingest.LoadConfig(environ)
			if !errors.Is(err, service.ErrConfig) {
				t.Fatalf("%v is no ErrConfig", err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q tells a secret", err)
			}
		})
	}
}

func TestHistoryMayBeKeptForEver(t *testing.T) {
	for _, value := range []string{"off", "0"} {
		environ := maps.Clone(minimal)
		environ["HISTORY_KEEP"], environ["AUDIT_KEEP"] = value, value
		if cfg, err := ingest.LoadConfig(environ); err != nil || cfg.HistoryKeep != 0 || cfg.AuditKeep != 0 {
			t.Errorf("%s: kept for %s and %s, %v", value, cfg.HistoryKeep, cfg.AuditKeep, err)
		}
	}
}

func TestTheKeyOfTheNodeWorkerIsNoErrorBesideWhatReplacesIt(t *testing.T) {
	environ := maps.Clone(minimal)
	environ["SUPABASE_SERVICE_ROLE_KEY"] = "key"
	environ["SUPABASE_URL"] = "https://ref.supabase.co"
	if _, err := ingest.LoadConfig(environ); err != nil {
		t.Error(err)
	}
}
