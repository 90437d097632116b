package transcoder

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/service"
)

func TestSettingsHaveDefaults(t *testing.T) {
	cfg, err := LoadConfig(map[string]string{"NATS_URL": "nats://127.0.0.1:4222"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Slots != max(1, cores()/2) || cfg.FFmpegPath != "ffmpeg" || cfg.FFprobePath != "ffprobe" ||
		cfg.FacecamMaxBytes != 2<<30 || cfg.FacecamTimeout != 15*time.Minute {
		t.Errorf("settings %+v", cfg)
	}
}

func TestEveryWrongSettingIsNamed(t *testing.T) {
	_, err := LoadConfig(map[string]string{
		"TRANSCODER_SLOTS": "-1", "FACECAM_MAX_BYTES": "0", "FACECAM_TIMEOUT": "-1s", "EGRESS_ALLOW": "http://secret",
	})
	if !errors.Is(err, service.ErrConfig) {
		t.Fatalf("error %v", err)
	}
	for _, name := range []string{"NATS_URL", "TRANSCODER_SLOTS", "FACECAM_MAX_BYTES", "FACECAM_TIMEOUT", "EGRESS_ALLOW"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in %q", name, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("%q holds a value", err)
	}
}
