package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"
	"golang.org/x/term"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/console/access"
)

// Exit statuses.
const (
	statusDone        = 0
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130
)

// commands is the command line.
type commands struct {
	apiFlags

	Up        upCmd        `cmd:"" api:"none" help:"Run all of loom-lite on this machine, until Ctrl-C."`
	Render    renderCmd    `cmd:"" help:"Render a campaign file into a video."`
	Preflight preflightCmd `cmd:"" help:"Open each page of a campaign once, and say how it would look in a video."`
	Capture   captureCmd   `cmd:"" api:"none" help:"Record one page alone into a video, for trying things out."`
	Status    statusCmd    `cmd:"" help:"Show a render: its stages, tasks and attempts."`
	Receipt   receiptCmd   `cmd:"" help:"Show what a render used and cost."`
	Bundle    bundleCmd    `cmd:"" help:"Fetch the failure bundle of a render whose scene could not be recorded."`
	List      listCmd      `cmd:"" help:"List the newest renders."`
	Top       topCmd       `cmd:"" help:"Watch stages, workers and renders."`
	Retry     retryCmd     `cmd:"" help:"Do again what failed of renders."`
	Cancel    cancelCmd    `cmd:"" help:"Cancel renders that have not ended."`
	Priority  priorityCmd  `cmd:"" help:"Set the priority of renders that have not ended."`
	Dead      deadCmd      `cmd:"" help:"List, read, replay and discard dead letters: tasks that failed for good, and messages that nobody could read."`
	Pause     pauseCmd     `cmd:"" help:"Let no more tasks of a stage begin."`
	Resume    resumeCmd    `cmd:"" help:"Let tasks of a paused stage begin again."`
	Webhooks  webhooksCmd  `cmd:"" help:"Work with webhooks."`
	Tokens    tokensCmd    `cmd:"" help:"Make, list and revoke tokens of the HTTP API."`
	Console   consoleCmd   `cmd:"" api:"none" help:"Sign in to the dashboard."`
	Migrate   migrateCmd   `cmd:"" api:"none" help:"Bring the database up to date."`
	Doctor    doctorCmd    `cmd:"" api:"none" help:"Check what loom-lite needs, and say how to fix what is missing."`
	NATS      natsCmd      `cmd:"" api:"none" name:"nats-config" help:"Write a NATS user for each service, with no more rights than it needs."`
	S3Keys    s3KeysCmd    `cmd:"" api:"none" name:"s3-keys" help:"Make a key of the object store for each service, with no more rights than it needs."`
	Cost      costCmd      `cmd:"" api:"none" name:"deletion-cost" help:"Tell Kubernetes which workers are busy, so that scaling in removes idle ones first."`
	Version   versionCmd   `cmd:"" api:"none" help:"Show which build this is."`
}

const description = `Turns a campaign (web pages and, if you like, a presenter's video) into one video.

Settings come from the environment and from .env in the current folder; .env.example lists them. CHROME_PATH, FFMPEG_PATH,
FFPROBE_PATH and LOOM_API_… come from the environment only: a folder must not choose the programs that are run, nor whom a
token is sent to. Commands that need a
database use DATABASE_URL or, when that is not set, the "loom up" that runs on the data folder. Most work over the API of a
console too: --api, or LOOM_API_URL when DATABASE_URL is not set.`

// app is a command's environment: settings, output and terminal.
type app struct {
	environ map[string]string
	// dotenv are the settings that come from .env alone.
	dotenv         map[string]bool
	stdout, stderr io.Writer
	// terminal: stderr is one.
	terminal bool
	// api are the flags that name an API.
	api apiFlags
}

// exitError ends the command with a status. The user has seen its cause already.
type exitError struct{ status int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// usageError marks an error that running the same command again would repeat.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run runs a command line and returns its exit status.
func (a *app) run(ctx context.Context, args []string) int {
	ctx = access.With(ctx, operator())
	left := -1
	line := &commands{}
	parser, err := kong.New(line, kong.Name("loom"), kong.Description(description),
		kong.Writers(a.stdout, a.stderr), kong.Exit(func(status int) { left = status }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a))
	if err != nil {
		fail(a.stderr, err)
		return statusFailed
	}
	command, err := parser.Parse(args)
	if left >= 0 { // --help
		return left
	}
	if err != nil {
		fail(a.stderr, fmt.Errorf("%w; see loom --help", err))
		return statusUsage
	}
	a.api = line.apiFlags
	if err := a.checkAPI(command.Selected()); err != nil {
		return a.status(err)
	}
	return a.status(command.Run())
}

// operator is who runs the command, for the audit log. It may do what the database lets it.
func operator() access.Principal {
	name := fmt.Sprintf("uid %d", os.Getuid())
	if account, err := user.Current(); err == nil && account.Username != "" {
		name = account.Username
	}
	return access.Principal{ID: name, Name: name, Kind: access.Operator, Scope: access.Admin}
}

func (a *app) status(err error) int {
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &exit):
		return exit.status
	case errors.Is(err, context.Canceled):
		fail(a.stderr, errors.New("interrupted"))
		return statusInterrupted
	case errors.As(err, &usage):
		fail(a.stderr, err)
		return statusUsage
	}
	fail(a.stderr, err)
	return statusFailed
}

func fail(w io.Writer, err error) { _, _ = fmt.Fprintf(w, "loom: %v\n", err) }

// printf writes to stdout, which is for results.
func (a *app) printf(format string, args ...any) { _, _ = fmt.Fprintf(a.stdout, format, args...) }

// say writes to stderr, which is for everything else.
func (a *app) say(format string, args ...any) { _, _ = fmt.Fprintf(a.stderr, format+"\n", args...) }

// isTerminal reports whether f is a terminal that bars fit on. One of unknown size gets lines.
func isTerminal(f *os.File) bool {
	width, _, err := term.GetSize(int(f.Fd()))
	return err == nil && width >= minWidth
}

const minWidth = 60

// ownSettings are those that name programs to run, and whom a token is sent to. A dotenv file may
// be a stranger's, in a folder that was cloned or unpacked, so it does not choose them. Neither
// does it choose files whose text is sent to servers that it names.
var ownSettings = []string{"CHROME_PATH", "FFMPEG_PATH", "FFPROBE_PATH", apiURL, apiTokenFile, apiToken}

// environment is the process's environment, and what a dotenv file adds to it, ownSettings
// excepted.
func environment(process []string, dotenv string) (map[string]string, error) {
	environ := map[string]string{}
	added, err := godotenv.Read(dotenv)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		// The parser's error quotes the line, which may hold a password.
		return nil, fmt.Errorf("read %s: it is not a dotenv file: lines such as NAME=value", dotenv)
	}
	maps.Copy(environ, added)
	for _, name := range ownSettings {
		delete(environ, name)
	}
	for _, name := range service.Secrets {
		delete(environ, name+"_FILE")
	}
	for _, pair := range process {
		if name, value, found := strings.Cut(pair, "="); found {
			environ[name] = value
		}
	}
	for _, name := range service.Secrets {
		// What the process's environment has goes before what the file has.
		if path := environ[name+"_FILE"]; path != "" && !slices.ContainsFunc(process, func(pair string) bool { return strings.HasPrefix(pair, name+"=") }) {
			delete(environ, name)
		}
	}
	environ, err = service.FromFiles(environ)
	if err != nil {
		return nil, err
	}
	if environ["DATABASE_URL"] != "" {
		environ["DATABASE_URL"] = postgres.WithPassword(environ["DATABASE_URL"], environ["DATABASE_PASSWORD"])
	}
	// A server of loom's own has another.
	delete(environ, "DATABASE_PASSWORD")
	return environ, nil
}

// fromDotenv are those of environ that the process's environment does not have.
func fromDotenv(environ map[string]string, process []string) map[string]bool {
	found := map[string]bool{}
	for name := range environ {
		found[name] = true
	}
	for _, pair := range process {
		name, _, _ := strings.Cut(pair, "=")
		delete(found, name)
	}
	return found
}

// dataFlag says where `loom up` keeps its data.
type dataFlag struct {
	Data string `default:".loom" placeholder:"DIR" help:"Folder for all data of \"loom up\" (default: .loom)."`
}

func (d dataFlag) dir() (string, error) {
	dir, err := filepath.Abs(d.Data)
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w", err)
	}
	return dir, nil
}

// errNoDatabase names both ways to get one.
const errNoDatabase = "there is no database to talk to: set DATABASE_URL, or start `loom up` (none runs on %s)"

// settings are those of the installation that a command talks to: the environment's, completed by
// those of the `loom up` that runs on the data folder if that works on the same database. An
// environment without DATABASE_URL takes whatever runs there.
func (a *app) settings(d dataFlag) (map[string]string, error) {
	dir, err := d.dir()
	if err != nil {
		return nil, err
	}
	database := a.environ["DATABASE_URL"]
	holder, running := local.Running(dir)
	if database != "" && holder.Command != holderUp {
		return a.environ, nil
	}
	if !running {
		return nil, usageError{fmt.Errorf(errNoDatabase, dir)}
	}
	found, err := godotenv.Read(local.ReadyFile(dir))
	switch {
	case err == nil && (database == "" || database == found["DATABASE_URL"]):
		settings := maps.Clone(a.environ)
		for _, name := range service.NATSVariables {
			delete(settings, name) // they are for another server than the one that runs there
		}
		maps.Copy(settings, found)
		return settings, nil
	case database != "":
		return a.environ, nil
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s on %s is not ready yet: try again when it is", holder, dir)
	}
	return nil, fmt.Errorf("read %s: it is not a dotenv file", local.ReadyFile(dir))
}
