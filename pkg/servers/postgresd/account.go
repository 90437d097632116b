package postgresd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// Account is the system user that Postgres runs as: the caller, or, as Postgres refuses to run as
// root, the user postgres.
type Account struct {
	uid, gid   int
	credential *syscall.Credential // nil: the caller's
}

// ServerAccount returns the account to run Postgres as.
func ServerAccount() (Account, error) {
	if os.Geteuid() != 0 {
		return Account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return Account{}, fmt.Errorf("as root, Postgres runs as the user postgres: %w; install the package postgresql, or run as another user",
			err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	names, err3 := u.GroupIds()
	if err := errors.Join(err1, err2, err3); err != nil {
		return Account{}, fmt.Errorf("look up user postgres: %w", err)
	}
	credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	for _, name := range names {
		if id, err := strconv.ParseUint(name, 10, 32); err == nil {
			credential.Groups = append(credential.Groups, uint32(id))
		}
	}
	return Account{uid: uid, gid: gid, credential: credential}, nil
}

// Own gives a file or folder to the account.
func (a Account) Own(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// CanEnter reports whether the account can run the installation from folder. Only the kernel knows,
// with all its modes and access lists: so a program is started there.
func (a Account) CanEnter(ctx context.Context, folder string, i Installation) (bool, error) {
	cmd := exec.CommandContext(ctx, i.Path("postgres"), "--version")
	a.apply(cmd)
	cmd.Dir = folder
	err := cmd.Run()
	if errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("run %s: %w", i.Path("postgres"), err)
	}
	return true, nil
}

// apply makes cmd run as the account.
func (a Account) apply(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
}

// Folder makes a temporary folder that the account can enter. As root it lies in /tmp: TMPDIR may
// lie where only root goes.
func Folder(pattern string) (string, error) {
	parent := ""
	if os.Geteuid() == 0 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, pattern)
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		return "", fmt.Errorf("make a folder for Postgres: %w", err)
	}
	return dir, nil
}
