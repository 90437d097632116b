package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/loom-lite/loom-lite/cmd/loom/top"
)

type topCmd struct {
	Once bool `help:"Print once, and end. So it does without a terminal."`
	JSON bool `help:"Print JSON, once."`
	dataFlag
}

// Help is shown by loom top --help.
func (topCmd) Help() string {
	return `Keys: q ends it, tab changes the list that the other keys work on, the arrows scroll, s sorts.`
}

// Run shows what goes on, each second anew on a terminal.
func (c *topCmd) Run(ctx context.Context, a *app) error {
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	stdout, _ := a.stdout.(*os.File)
	if !c.Once && !c.JSON && stdout != nil && term.IsTerminal(int(stdout.Fd())) && term.IsTerminal(int(os.Stdin.Fd())) {
		return watch(ctx, d, os.Stdin, stdout)
	}
	s, err := d.Snapshot(ctx)
	switch {
	case err != nil:
		return err
	case c.JSON:
		return printJSON(a.stdout, s)
	}
	a.printf("%s", top.Text(s))
	return nil
}

// watch draws on the terminal until q is pressed.
func watch(ctx context.Context, d deployment, in, out *os.File) error {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("read keys from the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(in.Fd()), before) }()
	t := top.Terminal{Keys: in, Out: out, Size: func() (width, height int) {
		width, height, err := term.GetSize(int(out.Fd()))
		if err != nil {
			return 80, 24
		}
		return width, height
	}}
	return t.Watch(ctx, d.Snapshot)
}
