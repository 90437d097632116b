package service

import (
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"
)

// Values of LOG_FORMAT.
const (
	FormatJSON    = "json"
	FormatConsole = "console"
)

const (
	wantsLevel  = "trace, debug, info, warn or error"
	wantsFormat = "json or console"
)

func parseLevel(level string) (zerolog.Level, error) {
	switch level {
	case "trace", "debug", "info", "warn", "error":
		return zerolog.ParseLevel(level)
	}
	return zerolog.NoLevel, fmt.Errorf("unknown log level")
}

// Logger returns a logger that writes to w: level is a LOG_LEVEL, format a LOG_FORMAT. What it does
// not know counts as info and json, so that there is a logger to say so with.
func Logger(w io.Writer, level, format string) zerolog.Logger {
	l, err := parseLevel(level)
	if err != nil {
		l = zerolog.InfoLevel
	}
	if format == FormatConsole {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(w).Level(l).With().Timestamp().Logger()
}
