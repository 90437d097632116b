package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/loom-lite/loom-lite/cmd/loom/remote"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

// apiFlags say which API commands use instead of a database.
type apiFlags struct {
	API       string `name:"api" placeholder:"URL" help:"Work over the API of a console at this URL, without its database (default: LOOM_API_URL)."`
	TokenFile string `name:"token-file" placeholder:"FILE" help:"The file with the API's token (default: LOOM_API_TOKEN_FILE)."`
}

// Settings of the API. Like those that name programs, they come from the environment only: a
// folder's .env must not choose whom a token is sent to.
const (
	apiURL       = "LOOM_API_URL"
	apiTokenFile = "LOOM_API_TOKEN_FILE"
	apiToken     = "LOOM_API_TOKEN"
)

// none is the value of the tag api of commands that work with no API.
const none = "none"

// checkAPI refuses an API that a command would not use.
func (a *app) checkAPI(command *kong.Node) error {
	if a.api == (apiFlags{}) {
		return nil
	}
	for n := command; n != nil; n = n.Parent {
		if n.Tag != nil && n.Tag.Get("api") == none {
			return usageError{fmt.Errorf("%s needs the installation itself, and not its API: leave --api and --token-file out", command.FullPath())}
		}
	}
	return nil
}

// overAPI returns the deployment behind an API if the command is to use one, and else nil. The
// flags come first, then the environment's database, then its API.
func (a *app) overAPI() (deployment, error) {
	url := a.api.API
	if url == "" && a.api.TokenFile != "" {
		if url = a.environ[apiURL]; url == "" {
			return nil, usageError{errors.New("--token-file is the token of an API: name the API with --api or " + apiURL)}
		}
	}
	if url == "" && a.environ["DATABASE_URL"] == "" {
		url = a.environ[apiURL]
	}
	if url == "" {
		return nil, nil
	}
	token, err := a.token()
	if err != nil {
		return nil, usageError{err}
	}
	d, err := remote.New(url, token)
	if err != nil {
		return nil, usageError{err}
	}
	if d.Exposed() {
		a.say("the token goes to %s unencrypted: use https", d.Where())
	}
	return d, nil
}

// token returns the API's token.
func (a *app) token() (string, error) {
	path := a.api.TokenFile
	if path == "" {
		path = a.environ[apiTokenFile]
	}
	if path == "" {
		token := a.environ[apiToken]
		if token == "" {
			return "", errors.New("the API's token is missing: name its file with --token-file or " + apiTokenFile)
		}
		return checkToken(token, apiToken)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		a.say("others may read %s, which has a token: chmod 600 %s", path, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return checkToken(strings.TrimSpace(string(text)), path)
}

// checkToken returns a token, unless it is none: what a file has otherwise is sent nowhere, and is
// not in the error.
func checkToken(token, from string) (string, error) {
	if !tokens.WellFormed(token) {
		return "", fmt.Errorf("%s has no token of the API: loom tokens create makes one", from)
	}
	return token, nil
}
