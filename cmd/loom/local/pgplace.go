package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// elsewhere is where Postgres's data goes when its user cannot reach the data folder, the first
// that works.
var elsewhere = []string{"/var/lib/loom-lite", "/var/tmp/loom-lite"}

// pgPlace returns the folder for Postgres: within the data folder where the account can reach it,
// else one elsewhere that is named after the data folder. away says which it is.
func pgPlace(ctx context.Context, home pgHome, account postgresd.Account, i postgresd.Installation) (place string, away bool, err error) {
	place = filepath.Join(home.dir, "postgres")
	can, err := reachable(ctx, place, account, i)
	if err != nil || can {
		return place, false, err
	}
	sum := sha256.Sum256([]byte(home.dir))
	var problems error
	for _, parent := range home.elsewhere {
		// In a place where every user may create folders, another user's folder of that name is not
		// used.
		if err := makeEnterable(parent); err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		place = filepath.Join(parent, hex.EncodeToString(sum[:6]))
		can, err := reachable(ctx, place, account, i)
		if can {
			if err := atomicfile.Write(filepath.Join(place, ofFile), []byte(home.dir), 0o600); err != nil {
				return "", false, fmt.Errorf("mark Postgres's folder: %w", err)
			}
			return place, true, sweep(ctx, parent)
		}
		problems = errors.Join(problems, err)
	}
	if problems == nil {
		problems = fs.ErrPermission
	}
	return "", false, fmt.Errorf("find a place for Postgres's data that user postgres can reach: %w", problems)
}

// ofFile holds the path of the data folder that a folder elsewhere belongs to.
const ofFile = "of"

// sweep removes what lies in parent for data folders that were deleted.
func sweep(ctx context.Context, parent string) error {
	marks, err := filepath.Glob(filepath.Join(parent, "*", ofFile))
	if err != nil {
		return err
	}
	for _, mark := range marks {
		dir, err := os.ReadFile(mark)
		if err != nil || !deleted(string(dir)) {
			continue
		}
		place := filepath.Dir(mark)
		data := filepath.Join(place, "data")
		if pid, err := postgresd.RunningOn(ctx, data); err != nil || pid != 0 {
			continue // a server still runs on it
		}
		if err := os.RemoveAll(place); err != nil {
			return fmt.Errorf("remove the database of %s, which no longer exists: %w", dir, err)
		}
	}
	return nil
}

// deleted reports whether a data folder is gone for good: not with a disk that is away, which takes
// its parent along.
func deleted(dir string) bool {
	gone := func(path string) bool {
		_, err := os.Lstat(path)
		return errors.Is(err, fs.ErrNotExist)
	}
	return gone(dir) && (!gone(filepath.Dir(dir)) || strings.HasPrefix(dir, os.TempDir()+string(filepath.Separator)))
}

// reachable creates the folder place and reports whether the account can enter it.
func reachable(ctx context.Context, place string, account postgresd.Account, i postgresd.Installation) (bool, error) {
	if err := makeEnterable(place); err != nil {
		return false, fmt.Errorf("create Postgres's folder: %w", err)
	}
	return account.CanEnter(ctx, place, i)
}

// makeEnterable makes sure that path is a folder of this process's user that others can enter but
// not list.
func makeEnterable(path string) error {
	if err := os.MkdirAll(path, 0o711); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: %w", path, fs.ErrInvalid)
	}
	return os.Chmod(path, 0o711) // fails unless the folder is this user's, and undoes the umask
}
