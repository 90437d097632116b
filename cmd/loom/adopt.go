package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/pkg/postgres"
)

// origin says where a setting comes from.
func (a *app) origin(name string) string {
	if a.dotenv[name] {
		return name + " from .env"
	}
	return name
}

// databaseOrigin says where the database of settings comes from: the environment, or a `loom up`.
func (a *app) databaseOrigin(settings map[string]string) string {
	if a.environ["DATABASE_URL"] == settings["DATABASE_URL"] {
		return a.origin("DATABASE_URL")
	}
	return "of loom up"
}

// place says which server a setting's value names: never with a password.
func place(name, value string) string {
	if name == "DATABASE_URL" {
		cfg, err := postgres.Config(value, "")
		if err != nil {
			return "the database"
		}
		at := fmt.Sprintf("%s:%d", cfg.ConnConfig.Host, cfg.ConnConfig.Port)
		if strings.HasPrefix(cfg.ConnConfig.Host, "/") { // a socket's folder
			at = cfg.ConnConfig.Host
		}
		return fmt.Sprintf("the database %s at %s", cfg.ConnConfig.Database, at)
	}
	kind := map[string]string{"NATS_URL": "the NATS server", "S3_ENDPOINT": "the object store"}[name]
	first, _, _ := strings.Cut(value, ",")
	if u, err := url.Parse(first); err == nil && u.Host != "" {
		return kind + " at " + u.Host
	}
	return kind
}

// unadopted says what `loom up` would do to servers that are not its own, and how to have it, or
// not.
func (a *app) unadopted(e *local.ForeignError) error {
	var b strings.Builder
	b.WriteString("loom up runs its own servers, but these settings name others:")
	for _, name := range e.Variables {
		fmt.Fprintf(&b, "\n  %s: it would ", a.origin(name))
		at := place(name, a.environ[name])
		switch name {
		case "DATABASE_URL":
			fmt.Fprintf(&b, "migrate %s and claim its render jobs", at)
			if a.environ["S3_ENDPOINT"] == "" {
				b.WriteString(", and, as S3_ENDPOINT is not set, write URLs of this machine, at 127.0.0.1, into its renders")
			}
		case "NATS_URL":
			fmt.Fprintf(&b, "create its streams on %s, and answer the workers there", at)
		case "S3_ENDPOINT":
			fmt.Fprintf(&b, "create its buckets in %s, and store files there", at)
		}
	}
	fmt.Fprintf(&b, "\nIf you want that: loom up --adopt. Otherwise leave them out: %s= loom up", strings.Join(e.Variables, "= "))
	return usageError{fmt.Errorf("%s", b.String())}
}

// refuseAdopted keeps a trial from an installation whose servers are a product's: a `loom up` that
// has adopted some.
func refuseAdopted(settings map[string]string, holder fmt.Stringer) error {
	if external := settings["LOOM_EXTERNAL"]; external != "" {
		return usageError{fmt.Errorf("%s works with servers that are not its own (%s), and render --local does not use them: "+
			"render without --local to use them, or choose another folder with --data", holder, external)}
	}
	return nil
}
