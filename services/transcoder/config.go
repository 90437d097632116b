package transcoder

import (
	"time"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// Config is the transcoder's settings.
type Config struct {
	service.Base

	// Slots is how many tasks to work on at once. 0 means half as many as there are cores, at least
	// 1: an encoder uses about two.
	Slots int `env:"TRANSCODER_SLOTS" envDefault:"0" wants:"a number of tasks to work on at once, 0 (half as many as cores) to 256"`
	// Fetches is how many facecams and watermarks to fetch at once, beside the slots.
	Fetches int `env:"TRANSCODER_FETCHES" envDefault:"8" wants:"a number of facecams and watermarks to fetch at once, 1 to 256"`
	// FFmpegPath and FFprobePath are the two programs, as paths or as names to look up in PATH.
	FFmpegPath  string `env:"FFMPEG_PATH" envDefault:"ffmpeg"`
	FFprobePath string `env:"FFPROBE_PATH" envDefault:"ffprobe"`
	// EgressAllow lists hosts, IP addresses and CIDR prefixes that facecams and watermarks may come
	// from although they are not public.
	EgressAllow string `env:"EGRESS_ALLOW"`
	// FacecamMaxBytes bounds a facecam's size. Default 2 GiB.
	FacecamMaxBytes int64 `env:"FACECAM_MAX_BYTES" envDefault:"2147483648" wants:"a number of bytes above 0"`
	// FacecamTimeout bounds a facecam's download. At most half an hour: there must be time left of
	// a probe for its decoding.
	FacecamTimeout time.Duration `env:"FACECAM_TIMEOUT" envDefault:"15m" wants:"a duration above 0, at most 30m, such as 15m"`
	// FetchMinRate is how many bytes a second a facecam or a watermark must come with at least,
	// over each half minute; 0 is any.
	FetchMinRate int64 `env:"FETCH_MIN_RATE" envDefault:"16384" wants:"a number of bytes a second, 0 (however slow) to 1073741824"`
	// WorkDir holds the tasks' folders. Empty: the system's folder for temporary files.
	WorkDir string `env:"WORK_DIR"`
}

const (
	maxSlots          = 256 // and fetches
	maxFacecamTimeout = 30 * time.Minute
)

// LoadConfig reads and checks the settings. Its error names every one that is missing or wrong.
func LoadConfig(environ map[string]string) (Config, error) {
	var cfg Config
	var problems service.Problems
	if err := problems.Include(service.Load(&cfg, environ)); err != nil {
		return Config{}, err
	}
	if cfg.Slots < 0 || cfg.Slots > maxSlots {
		problems.Add("TRANSCODER_SLOTS", "a number of tasks to work on at once, 0 (half as many as cores) to 256")
	}
	if cfg.Slots == 0 {
		cfg.Slots = max(1, service.Cores()/2)
	}
	if cfg.Fetches < 1 || cfg.Fetches > maxSlots {
		problems.Add("TRANSCODER_FETCHES", "a number of facecams and watermarks to fetch at once, 1 to 256")
	}
	if cfg.FetchMinRate < 0 || cfg.FetchMinRate > 1<<30 {
		problems.Add("FETCH_MIN_RATE", "a number of bytes a second, 0 (however slow) to 1073741824")
	}
	if cfg.FacecamMaxBytes <= 0 {
		problems.Add("FACECAM_MAX_BYTES", "a number of bytes above 0")
	}
	if cfg.FacecamTimeout <= 0 || cfg.FacecamTimeout > maxFacecamTimeout {
		problems.Add("FACECAM_TIMEOUT", "a duration above 0, at most 30m, such as 15m")
	}
	if _, err := egress.Parse(cfg.EgressAllow); err != nil {
		problems.Add("EGRESS_ALLOW",
			"a list of host names, IP addresses (each with :port if only that is meant) and CIDR prefixes, divided by commas")
	}
	if err := problems.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}
