package service

import (
	"errors"
	"strings"
	"testing"
	"time"
)

type config struct {
	Base
	Slots   int `env:"SLOTS" envDefault:"2" wants:"a whole number of 1 or more"`
	Nested  nested
	Timeout time.Duration `env:"TIMEOUT" envDefault:"30s"`
}

type nested struct {
	Secret string  `env:"SECRET,required"`
	Rate   float64 `env:"RATE" envDefault:"1"`
	Slots  int     `env:"NESTED_SLOTS" envDefault:"1"`
}

func TestLoadHasDefaults(t *testing.T) {
	var cfg config
	// Empty counts as not set, as compose files pass it.
	if err := Load(&cfg, map[string]string{"NATS_URL": "nats://h", "SECRET": "s", "PORT": "", "TIMEOUT": " "}); err != nil {
		t.Fatal(err)
	}
	if cfg.Port != 3100 || cfg.WorkerID == "" || cfg.Drain != 30*time.Second || cfg.LogFormat != "json" || cfg.Slots != 2 || cfg.Timeout != 30*time.Second {
		t.Errorf("%+v", cfg)
	}
	if cfg.Metrics() == nil || cfg.Metrics() != cfg.Registry {
		t.Error("Metrics does not keep its registry")
	}
}

func TestLoadNamesAllThatIsWrongAndQuotesNothing(t *testing.T) {
	var cfg config
	err := Load(&cfg, map[string]string{
		"PORT": "hunter2", "LOG_LEVEL": "hunter2", "LOG_FORMAT": "hunter2", "DRAIN_TIMEOUT": "-1s", "PPROF": "hunter2",
		"NESTED_SLOTS": "hunter2", "RATE": "hunter2", "TIMEOUT": "30",
	})
	want := `invalid settings:
  PORT must be a port number, 0 to 65535
  NATS_URL is not set; it must be the URL of the NATS server, such as nats://127.0.0.1:4222
  PPROF must be true or false
  SECRET is not set; it must be a text that is not empty
  RATE must be a number
  NESTED_SLOTS must be a whole number
  TIMEOUT must be a duration such as 30s
  LOG_LEVEL must be trace, debug, info, warn or error
  LOG_FORMAT must be json or console
  DRAIN_TIMEOUT must be a duration of 0 or more, such as 30s`
	if !errors.Is(err, ErrConfig) || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestIncludeAddsWithoutRepeating(t *testing.T) {
	var cfg config
	var problems Problems
	problems.Add("SECRET", "better")
	if err := problems.Include(Load(&cfg, map[string]string{"NATS_URL": "nats://h"})); err != nil {
		t.Fatal(err)
	}
	if got := problems.Err().Error(); strings.Count(got, "SECRET") != 1 || !strings.Contains(got, "better") {
		t.Errorf("%s", got)
	}
	other := errors.New("other")
	if err := problems.Include(other); !errors.Is(err, other) {
		t.Errorf("%v", err)
	}
	if err := new(Problems).Include(nil); err != nil {
		t.Errorf("%v", err)
	}
}
