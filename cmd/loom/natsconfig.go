package main

import (
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/loom-lite/loom-lite/pkg/natsauth"
)

type natsCmd struct {
	Dir     string `arg:"" help:"Folder for the files."`
	Account string `default:"LOOM" help:"The main account's name, with which those of the workers begin (default: LOOM)."`
}

// Help is shown by loom nats-config --help.
func (natsCmd) Help() string {
	return `Writes a NATS user for each service, which may do what the service needs and no more, and an account for each kind of
worker: loom-account.conf for the server, which holds no secret, and for each service a file with its key (ingest.nk, …),
for NATS_NKEY. observer.nk is for people with the nats command line, and for loom. Keys that are there are kept: run it
again after an upgrade, and to replace a key whose file you have removed.`
}

var accountName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// Run writes the files, and prints what is to be done with them.
func (c *natsCmd) Run(a *app) error {
	if !accountName.MatchString(c.Account) {
		return usageError{fmt.Errorf("--account: %q is no name for an account: use letters, digits, - and _", c.Account)}
	}
	made, err := natsauth.Write(c.Dir, c.Account)
	for _, name := range made {
		a.say("made %s", filepath.Join(c.Dir, name))
	}
	if err != nil {
		return err
	}
	a.say("wrote %s", filepath.Join(c.Dir, natsauth.AccountFile))
	a.say(`
Include it in nats-server's configuration, and restart the server, or reload it twice: new accounts are
connected the second time.

  accounts {
    include %s
  }

Then give each service its key: NATS_NKEY=…/ingest.nk, and so on. docs/how-to/secure-nats.md has it step by step.`, natsauth.AccountFile)
	return nil
}
