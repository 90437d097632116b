package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/console/campaign"
)

const (
	// answersWithin bounds the wait for workers' answers.
	answersWithin = 2 * time.Second
	// quietFor ends the wait when no further worker has answered for this long.
	quietFor = 400 * time.Millisecond
)

// worker is a replica that announced itself.
type worker struct {
	verb string // record, transcode, upload
	name string
	// here: 127.0.0.1 is the same to it as to this process.
	here bool
}

// findWorkers returns the workers that answer on NATS.
func findWorkers(ctx context.Context, settings map[string]string) ([]worker, error) {
	options, err := service.NATSOptions(settings)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	nc, err := nats.Connect(settings["NATS_URL"], append(options, nats.Name("loom"), nats.Timeout(5*time.Second))...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	defer nc.Close()
	inbox := nats.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("ask for workers: %w", err)
	}
	if err := nc.PublishRequest(micro.APIPrefix+"."+micro.InfoVerb.String(), inbox, nil); err != nil {
		return nil, fmt.Errorf("ask for workers: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	var found []worker
	for wait := answersWithin; ; wait = quietFor {
		next, stop := context.WithTimeout(ctx, wait)
		m, err := answers.NextMsgWithContext(next)
		stop()
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrNoResponders):
			return found, nil
		case err != nil:
			return nil, fmt.Errorf("ask for workers: %w", err)
		}
		var info micro.Info
		if json.Unmarshal(m.Data, &info) != nil || info.Metadata[stage.MetaLoopback] == "" {
			continue // not one of ours, or nobody at all
		}
		found = append(found, worker{
			verb: info.Name, name: info.Metadata[stage.MetaWorker], here: info.Metadata[stage.MetaLoopback] == stage.Loopback(),
		})
	}
}

// reachable returns an error when a worker could not fetch what this command serves on 127.0.0.1.
func reachable(ctx context.Context, settings map[string]string, file *campaign.Campaign) error {
	const alternatives = "put these files on a web server that it can reach, or render with --local"
	if settings["NATS_URL"] == "" {
		return fmt.Errorf("the campaign names local files, and without NATS_URL this command cannot find out where the "+
			"recorders run: set it, or %s", alternatives)
	}
	found, err := findWorkers(ctx, settings)
	if err != nil {
		return err
	}
	return judge(found, file)
}

// judge decides whether all workers that would fetch the campaign's files can.
func judge(found []worker, file *campaign.Campaign) error {
	needs := map[string]string{}
	if file.LocalPages() {
		needs[msg.ConsumerRecord] = "recorder"
	}
	if file.LocalMedia() {
		needs[msg.ConsumerTranscode] = "transcoder"
	}
	for _, verb := range []string{msg.ConsumerRecord, msg.ConsumerTranscode} {
		service := needs[verb]
		if service == "" {
			continue
		}
		of := slices.DeleteFunc(slices.Clone(found), func(w worker) bool { return w.verb != verb })
		if len(of) == 0 {
			return fmt.Errorf("the campaign names local files, and no %s is running that could say whether it can reach them: "+
				"start one on this machine, or render with --local", service)
		}
		for _, w := range of {
			if !w.here {
				return fmt.Errorf("the campaign names local files, which this command serves on 127.0.0.1, and the %s %s runs on "+
					"another machine or in a container: put the files on a web server that it can reach, or render with --local",
					service, w.name)
			}
		}
	}
	return nil
}

// warnWithoutRecorder says so when no recorder answers that does the work of a consumer.
func (a *app) warnWithoutRecorder(ctx context.Context, settings map[string]string, verb, warning string) {
	if settings["NATS_URL"] == "" {
		return
	}
	found, err := findWorkers(ctx, settings)
	if err != nil {
		a.say("cannot tell whether a recorder is running: %v", err)
		return
	}
	if !slices.ContainsFunc(found, func(w worker) bool { return w.verb == verb }) {
		a.say("%s", warning)
	}
}
