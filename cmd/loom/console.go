package main

import (
	"cmp"
	"context"
	"fmt"
	"os/user"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/web"
)

type consoleCmd struct {
	Link consoleLinkCmd `cmd:"" help:"Print a link that signs in to the dashboard once."`
}

// linkLasts is how long a link is good that nobody has used.
const linkLasts = time.Hour

type consoleLinkCmd struct {
	Role string `default:"admin" enum:"read,write,admin" placeholder:"ROLE" help:"read sees, write also submits, cancels and retries, admin does all (default: admin)."`
	User string `placeholder:"UUID" help:"Whose campaigns it is for: those with this user_id, and no others."`
	Name string `placeholder:"NAME" help:"Whom the audit log names (default: your account on this machine)."`
	dataFlag
}

// Help is shown by loom console link --help.
func (consoleLinkCmd) Help() string {
	return `The link is good once, and for an hour. Whoever opens it is signed in for 30 days, or until they have not come for 7.
It begins with CONSOLE_URL, where users reach the console.`
}

// Run prints a link.
func (c *consoleLinkCmd) Run(ctx context.Context, a *app) error {
	p := access.Principal{Name: cmp.Or(c.Name, personName()), Scope: access.Scope(c.Role)}
	if c.User != "" {
		id, err := uuid.Parse(c.User)
		if err != nil {
			return usageError{fmt.Errorf("--user %q is not a UUID", c.User)}
		}
		if p.Scope == access.Admin {
			return usageError{fmt.Errorf("an admin sees everybody's campaigns: with --user, add --role read or --role write")}
		}
		p.User = &id
	}
	settings, err := a.settings(c.dataFlag)
	if err != nil {
		return err
	}
	link, err := a.consoleLink(ctx, c.dataFlag, settings, p)
	if err != nil {
		return err
	}
	a.printf("%s\n", link)
	return nil
}

// consoleLink makes a link that signs p in to the console of an installation.
func (a *app) consoleLink(ctx context.Context, d dataFlag, settings map[string]string, p access.Principal) (string, error) {
	db, err := a.connect(ctx, d, settings, "loom-console-link")
	if err != nil {
		return "", err
	}
	defer db.Close()
	base := cmp.Or(settings["CONSOLE_URL"], settings["LOOM_API_URL"], "http://127.0.0.1:"+cmp.Or(settings["CONSOLE_PORT"], "3200"))
	return web.Offer(ctx, db, base, p, linkLasts)
}

// personName is who runs the command, as the machine knows them.
func personName() string {
	if account, err := user.Current(); err == nil && account.Username != "" {
		return account.Username
	}
	return "operator"
}
