package ffmpeg

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
)

// Progress is one report of how far ffmpeg has come.
type Progress struct {
	// Frame counts the frames written. 0 when there is no picture in the output.
	Frame int
	// Time is how much of the output is written.
	Time time.Duration
	// End is true in the last report.
	End bool
}

// parseProgress reads what ffmpeg -progress prints: key=value lines; the key "progress" ends a
// report. It ignores lines that it cannot read: a report is worth less than the work it reports on.
func parseProgress(r io.Reader, report func(Progress)) error {
	var p Progress
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "frame":
			if n, err := strconv.Atoi(value); err == nil && n >= 0 {
				p.Frame = n
			}
		case "out_time_us":
			if us, err := strconv.ParseInt(value, 10, 64); err == nil && us >= 0 && us < int64(1<<62)/1000 {
				p.Time = time.Duration(us) * time.Microsecond
			}
		case "progress":
			p.End = value == "end"
			report(p)
		}
	}
	return lines.Err()
}
