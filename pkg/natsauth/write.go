package natsauth

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nkeys"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
)

// AccountFile is what Write calls the file for the server.
const AccountFile = "loom-account.conf"

// SeedFile is what Write calls the file of a user's seed.
func SeedFile(name string) string { return name + ".nk" }

// Write writes into dir the accounts' configuration and a file with the seed of each user, which
// only its owner can read. It keeps the seeds that are there, so it can be repeated after an
// upgrade or to replace a seed that was removed. It returns the names of the seeds that it made.
func Write(dir, account string) (made []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("write NATS users: %w", err)
	}
	keys := map[string]string{}
	for _, name := range Names() {
		key, fresh, err := userKey(filepath.Join(dir, SeedFile(name)))
		if err != nil {
			return made, fmt.Errorf("write NATS users: %w", err)
		}
		if keys[name] = key; fresh {
			made = append(made, SeedFile(name))
		}
	}
	if err := atomicfile.Write(filepath.Join(dir, AccountFile), []byte(Config(account, keys)), 0o644); err != nil {
		return made, fmt.Errorf("write NATS users: %w", err)
	}
	return made, nil
}

// userKey returns the public key of the seed in a file, which it makes if it is not there.
func userKey(path string) (public string, made bool, err error) {
	seed, err := os.ReadFile(path)
	var pair nkeys.KeyPair
	switch {
	case err == nil:
		pair, err = nkeys.FromSeed(bytes.TrimSpace(seed))
	case errors.Is(err, fs.ErrNotExist):
		made = true
		pair, err = nkeys.CreateUser()
		if err == nil {
			seed, err = pair.Seed()
		}
		if err == nil {
			err = atomicfile.Write(path, append(seed, '\n'), 0o600)
		}
	}
	if err != nil {
		return "", false, err
	}
	defer pair.Wipe()
	public, err = pair.PublicKey()
	if err == nil && !nkeys.IsValidPublicUserKey(public) {
		err = fmt.Errorf("%s holds no user's seed", path)
	}
	return public, made, err
}
