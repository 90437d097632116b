package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
	"github.com/loom-lite/loom-lite/pkg/natsauth"
	"github.com/loom-lite/loom-lite/pkg/store"
)

type s3KeysCmd struct {
	Dir      string `arg:"" help:"Folder for the files of the keys."`
	Endpoint string `required:"" placeholder:"URL" help:"Where the store takes the requests of AWS's IAM."`
	Policies string `default:"deploy/s3" type:"existingdir" help:"Folder with the policies (default: deploy/s3)."`
}

// Help is shown by loom s3-keys --help.
func (s3KeysCmd) Help() string {
	return `Makes a user of the object store for ingest, uploader and console, each with the policy in deploy/s3 of its name and no
other rights, and a key for each: ingest.id and ingest.secret, and so on, for S3_ACCESS_KEY_ID_FILE and
S3_SECRET_ACCESS_KEY_FILE. Keys that are there are kept, and policies are set again: run it again after an upgrade.
S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY are the owner's.`
}

// keyed are the services that have a key of the object store.
var keyed = []string{natsauth.Ingest, natsauth.Uploader, natsauth.Console}

// Run makes users and keys.
func (c *s3KeysCmd) Run(ctx context.Context, a *app) error {
	keys := store.KeyService{Endpoint: c.Endpoint, Root: store.Config{
		AccessKeyID: a.environ["S3_ACCESS_KEY_ID"], SecretAccessKey: a.environ["S3_SECRET_ACCESS_KEY"],
		Region: cmp.Or(a.environ["S3_REGION"], "us-east-1"),
	}}
	if keys.Root.AccessKeyID == "" || keys.Root.SecretAccessKey == "" {
		return usageError{errors.New("s3-keys needs the key of the store's owner: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY")}
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("write S3 keys: %w", err)
	}
	for _, service := range keyed {
		policy, err := os.ReadFile(filepath.Join(c.Policies, service+".json"))
		if err != nil {
			return usageError{fmt.Errorf("--policies: %w", err)}
		}
		if err := keys.Allow(ctx, "loom-"+service, string(policy)); err != nil {
			return err
		}
		if err := c.keep(ctx, a, keys, service); err != nil {
			return err
		}
	}
	return nil
}

// keep makes the key of a service, unless there is one.
func (c *s3KeysCmd) keep(ctx context.Context, a *app, keys store.KeyService, service string) error {
	id, secret := filepath.Join(c.Dir, service+".id"), filepath.Join(c.Dir, service+".secret")
	// The id is written last: where it is, there is a secret.
	if _, err := os.Stat(id); err == nil {
		return nil
	}
	keyID, key, err := keys.NewKey(ctx, "loom-"+service)
	if err == nil {
		err = errors.Join(atomicfile.Write(secret, []byte(key+"\n"), 0o600), atomicfile.Write(id, []byte(keyID+"\n"), 0o600))
	}
	if err != nil {
		return fmt.Errorf("write S3 keys: %w", err)
	}
	a.say("made %s and %s", id, secret)
	return nil
}
