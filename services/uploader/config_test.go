package uploader

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/service"
)

var enough = map[string]string{
	"NATS_URL": "nats://127.0.0.1:4222", "DATABASE_URL": "postgres://u:hunter2@127.0.0.1/app",
	"S3_ENDPOINT": "http://127.0.0.1:7070", "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "hunter2",
}

func with(extra map[string]string) map[string]string {
	environ := maps.Clone(enough)
	maps.Copy(environ, extra)
	return environ
}

func TestDefaults(t *testing.T) {
	cfg, err := LoadConfig(enough)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Slots != 2 || cfg.WorkBucket != "loom-work" || cfg.VideoBucket != "videos" || cfg.ThumbnailBucket != "thumbnails" ||
		cfg.PublicURLs != urlsPath || cfg.PublicURLBase != "http://127.0.0.1:7070" || cfg.WorkerID == "" || cfg.Port != 3100 {
		t.Errorf("%+v", cfg.PublicURLs)
	}
	cfg, err = LoadConfig(with(map[string]string{"SUPABASE_URL": "https://abcd.supabase.co"}))
	if err != nil || cfg.PublicURLs != urlsSupabase {
		t.Errorf("with SUPABASE_URL: %s, %v", cfg.PublicURLs, err)
	}
}

func TestWrongSettingsAreNamedAndNotQuoted(t *testing.T) {
	for name, test := range map[string]struct {
		environ map[string]string
		names   []string
	}{
		"nothing set": {map[string]string{}, []string{"NATS_URL", "DATABASE_URL", "S3_ENDPOINT", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"}},
		"several wrong": {
			with(map[string]string{"UPLOADER_SLOTS": "0", "PUBLIC_URLS": "hunter2", "DATABASE_URL": "mysql://hunter2", "S3_ENDPOINT": "hunter2"}),
			[]string{"UPLOADER_SLOTS", "PUBLIC_URLS", "DATABASE_URL", "S3_ENDPOINT"},
		},
		"supabase without its URL": {with(map[string]string{"PUBLIC_URLS": "supabase"}), []string{"SUPABASE_URL"}},
		"the Node worker's settings": {
			map[string]string{
				"NATS_URL": "nats://h", "DATABASE_URL": "postgres://h/d",
				"SUPABASE_URL": "https://abcd.supabase.co", "SUPABASE_SERVICE_ROLE_KEY": "hunter2",
			},
			[]string{"S3_ENDPOINT", "https://abcd.storage.supabase.co/storage/v1/s3", "S3_ACCESS_KEY_ID", "S3 access keys", "S3_SECRET_ACCESS_KEY"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadConfig(test.environ)
			if !errors.Is(err, service.ErrConfig) {
				t.Fatalf("%v, want ErrConfig", err)
			}
			for _, want := range test.names {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not name %s", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a value is quoted: %v", err)
			}
		})
	}
}
