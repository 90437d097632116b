package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/bench/control"
	"github.com/loom-lite/loom-lite/bench/fleet"
	"github.com/loom-lite/loom-lite/bench/measure"
	"github.com/loom-lite/loom-lite/bench/pages"
	"github.com/loom-lite/loom-lite/bench/report"
)

// options are what the command line asks for.
type options struct {
	report.Settings
	// peers is the folder of capture.mjs; out is the folder of the report.
	peers, out string
	// timeout bounds one measurement.
	timeout time.Duration
	control controlOptions
	// campaign is the number of scenes of the part scaling; services is the folder of programs.
	campaign int
	services string
	// fleets are the fleets to measure, each for as long as fleetFor.
	fleets   []fleet.Level
	fleetFor time.Duration
}

// encoder are the settings that the transcoder and capture.mjs share.
const encoder = "x264 veryfast, CRF 20, yuv420p"

// maxScenes is how many scenes one worker starts at most.
const maxScenes = 64

// parse reads the command line. It returns flag.ErrHelp after it has printed the help.
func parse(args []string, stderr io.Writer) (options, error) {
	o := options{Settings: report.Settings{Width: measure.PeerWidth, Height: measure.PeerHeight, Encoder: encoder}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	onPages := flags.String("pages", "", "pages to record, divided by commas (default all: "+join(pageNames())+")")
	tools := flags.String("tools", "", "tools to record with, divided by commas (default all: "+join(names(measure.Tools))+")")
	scenes := flags.String("scenes", fmt.Sprintf("1,%d", runtime.NumCPU()), "numbers of scenes to record at once")
	parts := flags.String("parts", "", "what to measure, divided by commas (default all: "+join(names(report.Parts))+")")
	seconds := flags.Float64("seconds", 4, "length of each scene that is recorded")
	sceneSeconds := flags.Float64("scene-seconds", 8, "length of the scene that is transcoded")
	flags.IntVar(&o.Frames, "frames", 0, "frames of each scene, in place of -seconds")
	flags.IntVar(&o.FPS, "fps", 60, "frames in each second of the scene")
	flags.IntVar(&o.Repeat, "repeat", 2, "how many turns every tool has")
	flags.DurationVar(&o.timeout, "timeout", 3*time.Minute, "how long one measurement may take")
	builds := flags.String("builds", "", "builds to measure control of, divided by commas (default all: "+join(names(control.Builds))+")")
	ingests := flags.String("ingests", "1,4", "numbers of ingests to measure control with")
	flags.IntVar(&o.control.renders, "renders", 60, "how many renders control takes through at once")
	flags.Float64Var(&o.control.rate, "rate", 44, "how many tasks are due each second when renders come one by one")
	flags.IntVar(&o.control.backlog, "backlog", 10_000, "how many renders are queued before, in the measurement with a backlog")
	flags.IntVar(&o.control.history, "history", 100_000, "how many renders have ended before, in that measurement")
	flags.StringVar(&o.control.programs, "programs", "bin/control", "the folder that bench/control/setup.sh fills")
	flags.IntVar(&o.campaign, "campaign", 12, "how many scenes the campaign has that one and two recorders record")
	fleets := flags.String("fleets", "10,100,1000,1000x2,1000x3,1000x4",
		"numbers of recorders to simulate, divided by commas; 1000x2 are a thousand whose tasks take half as long")
	flags.DurationVar(&o.fleetFor, "fleet-for", time.Minute, "how long each fleet is looked at, once as many renders end as come")
	flags.StringVar(&o.services, "services", "bin", "the folder of loom and the services, which make build fills")
	flags.StringVar(&o.peers, "peers", "bench/peers", "the folder of the peers")
	flags.StringVar(&o.out, "out", "out", "the folder to write bench.md and bench.json to")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("%q is no flag; -help lists them", flags.Arg(0))
	}
	if o.Frames == 0 {
		o.Frames = int(*seconds*float64(o.FPS) + 0.5)
	}
	var err error
	if o.Scenes, err = counts(*scenes); err != nil {
		return options{}, err
	}
	if o.Pages, err = choose("page", *onPages, pageNames()); err != nil {
		return options{}, err
	}
	if o.Tools, err = choose("tool", *tools, measure.Tools); err != nil {
		return options{}, err
	}
	if o.Parts, err = choose("part", *parts, report.Parts); err != nil {
		return options{}, err
	}
	if o.control.ingests, err = counts(*ingests); err != nil {
		return options{}, err
	}
	if o.control.programs, err = filepath.Abs(o.control.programs); err != nil {
		return options{}, fmt.Errorf("find the programs: %w", err)
	}
	for text := range strings.SplitSeq(*fleets, ",") {
		level, err := fleet.ParseLevel(text)
		if err != nil {
			return options{}, fmt.Errorf("-fleets: %w", err)
		}
		o.fleets = append(o.fleets, level)
	}
	if o.services, err = filepath.Abs(o.services); err != nil {
		return options{}, fmt.Errorf("find the services: %w", err)
	}
	if o.control.builds, err = chooseBuilds(*builds, o.control.programs); err != nil {
		return options{}, err
	}
	o.TranscodeFrames = int(*sceneSeconds*float64(o.FPS) + 0.5)
	switch {
	case *sceneSeconds < 1 || *sceneSeconds > 600:
		return options{}, errors.New("-scene-seconds must be 1 to 600")
	case o.FPS < 1 || o.FPS > 240:
		return options{}, errors.New("-fps must be 1 to 240")
	case o.Frames < 2:
		return options{}, errors.New("a scene must have two frames at least: see -seconds and -frames")
	case o.Repeat < 1:
		return options{}, errors.New("-repeat must be 1 at least")
	case o.control.renders < 1 || o.control.rate <= 0 || o.control.backlog < 0 || o.control.history < 0:
		return options{}, errors.New("-renders and -rate must be above 0, -backlog and -history no less")
	case o.campaign < 2 || o.campaign > 100:
		return options{}, errors.New("-campaign must be 2 to 100")
	case o.fleetFor < time.Second:
		return options{}, errors.New("-fleet-for must be 1s at least")
	case o.timeout <= 0:
		return options{}, errors.New("-timeout must be above 0")
	}
	return o, nil
}

func join(names []string) string { return strings.Join(names, ",") }

func pageNames() (names []string) {
	for _, p := range pages.All {
		names = append(names, p.Name)
	}
	return names
}

func names[T ~string](list []T) (texts []string) {
	for _, one := range list {
		texts = append(texts, string(one))
	}
	return texts
}

// choose returns the items of all that list names, in the order of all. An empty list names all.
func choose[T ~string](what, list string, all []T) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var asked []T
	for name := range strings.SplitSeq(list, ",") {
		one := T(strings.TrimSpace(name))
		if !slices.Contains(all, one) {
			return nil, fmt.Errorf("there is no %s %q; there are %s", what, one, strings.Join(names(all), ", "))
		}
		asked = append(asked, one)
	}
	var chosen []T
	for _, one := range all {
		if slices.Contains(asked, one) {
			chosen = append(chosen, one)
		}
	}
	return chosen, nil
}

// counts reads numbers of scenes, each once.
func counts(list string) ([]int, error) {
	var numbers []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > maxScenes {
			return nil, fmt.Errorf("-scenes: %q is no number from 1 to %d", text, maxScenes)
		}
		if !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}
