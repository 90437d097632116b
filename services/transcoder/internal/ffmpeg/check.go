package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Abilities are what a build of FFmpeg can do, by FFmpeg's names.
type Abilities struct {
	Encoders, Decoders, Filters, BitstreamFilters []string
}

// minMajor and minMinor are the first release that has all the options we use.
const minMajor, minMinor = 5, 1

// Check makes sure that both programs run, are not too old and can do what is needed. It returns
// ffmpeg's version.
func (t Tools) Check(ctx context.Context, needed Abilities) (version string, err error) {
	for _, program := range []string{t.FFprobe, t.FFmpeg} {
		out, err := t.output(ctx, program, "", []string{"-hide_banner", "-version"}, maxInspect)
		if err != nil {
			return "", err
		}
		if version, err = parseVersion(string(out)); err != nil {
			return version, fmt.Errorf("%s: %w", filepath.Base(program), err)
		}
	}
	var missing []string
	for _, list := range []struct {
		kind, option string
		names        []string
	}{
		{"encoder", "-encoders", needed.Encoders},
		{"decoder", "-decoders", needed.Decoders},
		{"filter", "-filters", needed.Filters},
		{"bitstream filter", "-bsfs", needed.BitstreamFilters},
	} {
		out, err := t.output(ctx, t.FFmpeg, "", []string{"-hide_banner", list.option}, maxInspect)
		if err != nil {
			return version, err
		}
		has := parseNames(string(out))
		for _, name := range list.names {
			if !slices.Contains(has, name) {
				missing = append(missing, list.kind+" "+name)
			}
		}
	}
	if len(missing) > 0 {
		return version, fmt.Errorf("this build of ffmpeg lacks %s", strings.Join(missing, ", "))
	}
	return version, nil
}

var versionLine = regexp.MustCompile(`^ff(?:mpeg|probe) version (\S+)`)

// releaseNumber matches releases ("5.1.9-0+deb12u1", "n7.1"); builds of a commit have none.
var releaseNumber = regexp.MustCompile(`^n?(\d{1,4})\.(\d{1,4})(?:[.\-+]|$)`)

var errTooOld = errors.New("too old")

// parseVersion reads what -version prints.
func parseVersion(text string) (string, error) {
	line := versionLine.FindStringSubmatch(text)
	if line == nil {
		return "", errors.New("it does not print a version")
	}
	version := line[1]
	if release := releaseNumber.FindStringSubmatch(version); release != nil {
		major, _ := strconv.Atoi(release[1])
		minor, _ := strconv.Atoi(release[2])
		if major < minMajor || major == minMajor && minor < minMinor {
			return version, fmt.Errorf("version %s is %w: %d.%d is the first that will do", version, errTooOld, minMajor, minMinor)
		}
	}
	return version, nil
}

// parseNames reads the lists of -encoders and -filters (flags, name, description) and of -bsfs
// (name).
func parseNames(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		switch fields := strings.Fields(line); {
		case len(fields) == 1:
			names = append(names, fields[0])
		case len(fields) > 1:
			names = append(names, fields[1])
		}
	}
	return names
}
