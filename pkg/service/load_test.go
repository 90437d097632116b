package service

import (
	"errors"
	"strings"
	"testing"
	"time"
)

type config struct {
	Base
	Slots   int `env:"SLOTS" envDefault:"2" min:"1"`
	Nested  nested
	Timeout time.Duration `env:"TIMEOUT" envDefault:"30s"`
}

type nested struct {
	Secret string  `env:"SECRET,required"`
	Rate   float64 `env:"RATE" envDefault:"1"`
	Slots  int     `env:"NESTED_SLOTS" envDefault:"1"`
}

// load reads environ into a config and returns it with what Err says.
func load(environ map[string]string, optional ...string) (cfg config, err error) {
	var problems Problems
	problems.Load(&cfg, environ, optional...)
	return cfg, problems.Err()
}

func TestLoadHasDefaults(t *testing.T) {
	// Empty counts as not set, as compose files pass it.
	cfg, err := load(map[string]string{"NATS_URL": "nats://h", "SECRET": "s", "PORT": "", "TIMEOUT": " "})
	if err != nil {
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
	_, err := load(map[string]string{
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

func TestLoadKeepsToTheBoundsOfItsTags(t *testing.T) {
	type bounded struct {
		Count  int           `env:"COUNT" envDefault:"5" min:"2" max:"10"`
		Size   int64         `env:"SIZE" min:"5" max:"10" unit:"bytes"`
		Share  float64       `env:"SHARE" envDefault:"0.5" max:"0.5"`
		Wait   time.Duration `env:"WAIT" envDefault:"24h" min:"1s" max:"48h"`
		Mode   string        `env:"MODE" oneof:"fast slow"`
		Little string        `env:"LITTLE" envDefault:"fast" oneof:"fast" wants:"fast, really"`
	}
	for _, c := range []struct{ variable, value, wants string }{
		{"COUNT", "", ""},
		{"COUNT", "2", ""},
		{"COUNT", "10", ""},
		{"COUNT", "1", "a whole number, 2 to 10"},
		{"COUNT", "0", "a whole number, 2 to 10"},
		{"COUNT", "11", "a whole number, 2 to 10"},
		{"COUNT", "two", "a whole number, 2 to 10"},
		{"SIZE", "", ""},
		{"SIZE", "0", ""}, // no default: not set
		{"SIZE", "4", "a number of bytes, 5 to 10"},
		{"SHARE", "0.5", ""},
		{"SHARE", "0.51", "a number of 0.5 at most"},
		{"WAIT", "48h", ""},
		{"WAIT", "999ms", "a duration of 1s to 48h, such as 24h"},
		{"WAIT", "48h1ns", "a duration of 1s to 48h, such as 24h"},
		{"WAIT", "1", "a duration of 1s to 48h, such as 24h"},
		{"MODE", "", ""},
		{"MODE", "slow", ""},
		{"MODE", "fast slow", "fast or slow"},
		{"LITTLE", "slow", "fast, really"},
	} {
		var problems Problems
		problems.Load(&bounded{}, map[string]string{c.variable: c.value})
		got := ""
		if err := problems.Err(); err != nil {
			got = strings.TrimPrefix(err.Error(), "invalid settings:\n  "+c.variable+" must be ")
		}
		if got != c.wants {
			t.Errorf("%s=%s: %q, want %q", c.variable, c.value, got, c.wants)
		}
	}
}

func TestAMistakeInATagIsNoProblemOfTheSettings(t *testing.T) {
	for _, cfg := range []any{
		&struct {
			Count int `env:"COUNT" envDefault:"1" min:"one"`
		}{},
		&struct {
			Name string `env:"NAME" envDefault:"x" max:"1"`
		}{},
	} {
		var problems Problems
		problems.Load(cfg, nil)
		if err := problems.Err(); err == nil || errors.Is(err, ErrConfig) {
			t.Errorf("%T: %v", cfg, err)
		}
	}
}

func TestLoadDoesWithoutWhatIsOptional(t *testing.T) {
	if _, err := load(map[string]string{"SECRET": "s"}, "NATS_URL"); err != nil {
		t.Error(err)
	}
	if _, err := load(nil, "NATS_URL"); err == nil || strings.Contains(err.Error(), "NATS_URL") || !strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v", err)
	}
}

func TestTheFirstProblemOfAVariableCounts(t *testing.T) {
	var problems Problems
	problems.AddMissing("SECRET", "better")
	problems.Load(&config{}, map[string]string{"NATS_URL": "nats://h"})
	problems.Wrong("SECRET")
	if got := problems.Err().Error(); got != "invalid settings:\n  SECRET is not set; it must be better" {
		t.Errorf("%s", got)
	}
}
