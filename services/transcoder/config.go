package transcoder

import (
	"time"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// Config is the transcoder's settings.
type Config struct {
	service.Base

	// Slots is how many tasks to work on at once. 0 means half the number of cores, at least 1: an
	// encoder uses about two cores.
	Slots int `env:"TRANSCODER_SLOTS" envDefault:"0" min:"0" max:"256" wants:"a number of tasks to work on at once, 0 (half as many as cores) to 256"`
	// Fetches is how many facecams and watermarks to fetch at once, beside the slots.
	Fetches int `env:"TRANSCODER_FETCHES" envDefault:"8" min:"1" max:"256" unit:"facecams and watermarks to fetch at once"`
	// FFmpegPath and FFprobePath are the two programs, as paths or as names to look up in PATH.
	FFmpegPath  string `env:"FFMPEG_PATH" envDefault:"ffmpeg"`
	FFprobePath string `env:"FFPROBE_PATH" envDefault:"ffprobe"`
	// EgressAllow lists hosts, IP addresses and CIDR prefixes that are not public, from which
	// facecams and watermarks may come nevertheless.
	EgressAllow string `env:"EGRESS_ALLOW" wants:"a list of host names, IP addresses (each with :port if only that is meant) and CIDR prefixes, divided by commas"`
	// FacecamMaxBytes bounds a facecam's size. Default 2 GiB.
	FacecamMaxBytes int64 `env:"FACECAM_MAX_BYTES" envDefault:"2147483648" min:"1" wants:"a number of bytes above 0"`
	// FacecamTimeout bounds a facecam's download. At most half an hour, so that a probe has time
	// left for decoding.
	FacecamTimeout time.Duration `env:"FACECAM_TIMEOUT" envDefault:"15m" min:"1ns" max:"30m" wants:"a duration above 0, at most 30m, such as 15m"`
	// FetchMinRate is the least number of bytes a second of a download, over each half minute; 0
	// allows any.
	FetchMinRate int64 `env:"FETCH_MIN_RATE" envDefault:"16384" min:"0" max:"1073741824" wants:"a number of bytes a second, 0 (however slow) to 1073741824"`
	// WorkDir holds the tasks' folders. Empty means the system's folder for temporary files.
	WorkDir string `env:"WORK_DIR"`
}

// LoadConfig reads and checks the settings. Its error names every one that is missing or wrong.
// optional names required variables that the caller does without.
func LoadConfig(environ map[string]string, optional ...string) (Config, error) {
	var cfg Config
	var problems service.Problems
	problems.Load(&cfg, environ, optional...)
	if cfg.Slots == 0 {
		cfg.Slots = max(1, service.Cores()/2)
	}
	if _, err := egress.Parse(cfg.EgressAllow); err != nil {
		problems.Wrong("EGRESS_ALLOW")
	}
	if err := problems.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}
