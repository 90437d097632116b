package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clocks has some services run on a machine whose clock is wrong.
var clocks = Fault{
	Name: "clocks", What: "the clocks of one of two replicas of each service are 10 minutes ahead, then 10 minutes behind",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2, Uncharged: true, Skewed: true,
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 6)
		for _, skew := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
			for _, kind := range []string{"ingest", "recorder", "transcoder", "uploader"} {
				p := r.of(kind)[0]
				if err := p.stop(); err != nil {
					return err
				}
				p.program = filepath.Join(r.bin, skewed, filepath.Base(p.program))
				if err := p.start(ctx, map[string]string{"FAULTS_CLOCK": fmt.Sprint(int(skew.Seconds()))}); err != nil {
					return err
				}
				r.count("clocks moved", 1)
			}
			pause(ctx, r.lasting(30*time.Second, 5*time.Second))
		}
		return stop()
	},
}

// skewed is the folder, in that of the programs, of those whose clock FAULTS_CLOCK moves.
const skewed = "skewed"

// overlay writes a description for go build -overlay, by which time.Now is FAULTS_CLOCK seconds
// ahead. Programs in Go read the clock without the C library, so faketime cannot move it; and a
// time namespace of Linux moves only the monotonic clock.
func overlay(ctx context.Context, dir string) (path string, err error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("look for Go's sources: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	const now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	moved := strings.Replace(string(text), now, now+"\tsec += faultsClock\n", 1)
	if moved == string(text) {
		return "", errors.New("move clocks: time.Now reads otherwise in this version of Go")
	}
	changed := filepath.Join(dir, "time.go")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: changed, filepath.Join(filepath.Dir(source), "faults.go"): changed + ".faults.go"}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, errors.Join(os.WriteFile(changed, []byte(moved), 0o600), os.WriteFile(changed+".faults.go", []byte(clockSource), 0o600),
		os.WriteFile(path, list, 0o600))
}

// clockSource is the file that is added to Go's package time.
const clockSource = `package time

import "syscall"

var faultsClock = func() (seconds int64) {
	text, _ := syscall.Getenv("FAULTS_CLOCK")
	sign := int64(1)
	for i, c := range []byte(text) {
		switch {
		case i == 0 && c == '-':
			sign = -1
		case c >= '0' && c <= '9':
			seconds = seconds*10 + int64(c-'0')
		}
	}
	return sign * seconds
}()
`
