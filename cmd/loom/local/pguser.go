package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is the system user that Postgres runs as: the caller, or, as Postgres refuses to run as
// root, the user postgres.
type account struct {
	uid, gid int
	cred     *syscall.Credential // nil: the caller's
}

func postgresAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return account{}, fmt.Errorf("as root, Postgres runs as the user postgres: %w; install the package postgresql, or run as another user",
			err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	names, err3 := u.GroupIds()
	if err := errors.Join(err1, err2, err3); err != nil {
		return account{}, fmt.Errorf("look up user postgres: %w", err)
	}
	cred := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	for _, name := range names {
		if id, err := strconv.ParseUint(name, 10, 32); err == nil {
			cred.Groups = append(cred.Groups, uint32(id))
		}
	}
	return account{uid: uid, gid: gid, cred: cred}, nil
}

// apply makes cmd run as the account, in a process group of its own: a Ctrl-C at the terminal is
// for the command alone, which then stops Postgres in its turn.
func (a account) apply(cmd *exec.Cmd) {
	cmd.SysProcAttr = childAttributes()
	cmd.SysProcAttr.Credential = a.cred
}

// own gives a file or folder to the account.
func (a account) own(path string) error {
	if a.cred == nil {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}
