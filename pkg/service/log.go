package service

import (
	"io"
	"time"

	"github.com/rs/zerolog"
)

// Values of LOG_FORMAT.
const (
	FormatJSON    = "json"
	FormatConsole = "console"
)

// Logger returns a logger that writes to w: level is a LOG_LEVEL, format a LOG_FORMAT. Unknown
// values count as info and json, so that there is a logger to report them with.
func Logger(w io.Writer, level, format string) zerolog.Logger {
	l := zerolog.InfoLevel
	switch level {
	case "trace", "debug", "warn", "error":
		l, _ = zerolog.ParseLevel(level)
	}
	if format == FormatConsole {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(w).Level(l).With().Timestamp().Logger()
}
