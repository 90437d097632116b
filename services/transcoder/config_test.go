package transcoder

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sound"
)

func TestSettingsHaveDefaults(t *testing.T) {
	cfg, err := LoadConfig(map[string]string{"NATS_URL": "nats://127.0.0.1:4222"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Slots != max(1, service.Cores()/2) || cfg.FFmpegPath != "ffmpeg" || cfg.FFprobePath != "ffprobe" ||
		cfg.FacecamMaxBytes != 2<<30 || cfg.FacecamTimeout != 15*time.Minute {
		t.Errorf("settings %+v", cfg)
	}
}

func TestADownloadThatWouldTakeAllOfAProbesTimeIsRefused(t *testing.T) {
	for value, ok := range map[string]bool{"30m": true, "30m1s": false, "2h": false} {
		_, err := LoadConfig(map[string]string{"NATS_URL": "nats://127.0.0.1:4222", "FACECAM_TIMEOUT": value})
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "at most 30m") {
			t.Errorf("FACECAM_TIMEOUT=%s: %v", value, err)
		}
	}
}

// A facecam that is too slow to decode must reach a bound of its own before the attempt's, so that
// the facecam is blamed. On a busy machine the CPU time is less than the wall time, so there is
// half as much again.
func TestAProbesBoundsFitIntoItsAttempt(t *testing.T) {
	bound, _ := reflect.TypeFor[Config]().FieldByName("FacecamTimeout")
	download, err := time.ParseDuration(bound.Tag.Get("max"))
	if err != nil {
		t.Fatal(err)
	}
	if most := facecam.MaxExamineCPU + sound.MaxMeasureCPU; most*3/2 > msg.ProbeTimeout-download {
		t.Errorf("probing may take %s of CPU time; %s are left of an attempt after the download", most, msg.ProbeTimeout-download)
	}
}

func TestEveryWrongSettingIsNamed(t *testing.T) {
	_, err := LoadConfig(map[string]string{
		"TRANSCODER_SLOTS": "-1", "FACECAM_MAX_BYTES": "0", "FACECAM_TIMEOUT": "-1s", "EGRESS_ALLOW": "http://secret",
		"TRANSCODER_FETCHES": "0", "FETCH_MIN_RATE": "-1",
	})
	if !errors.Is(err, service.ErrConfig) {
		t.Fatalf("error %v", err)
	}
	for _, name := range []string{"NATS_URL", "TRANSCODER_SLOTS", "FACECAM_MAX_BYTES", "FACECAM_TIMEOUT", "EGRESS_ALLOW", "TRANSCODER_FETCHES", "FETCH_MIN_RATE"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in %q", name, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("%q holds a value", err)
	}
}
