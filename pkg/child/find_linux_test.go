package child

import (
	"slices"
	"syscall"
	"testing"
)

func TestParseStat(t *testing.T) {
	const rest = " 12 12 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 77 0"
	for text, want := range map[string]Info{
		"12 (chrome) S 7" + rest:   {Pid: 12, Name: "chrome", parent: 7, start: "77"},
		"12 (a) b) (c) Z 7" + rest: {Pid: 12, Name: "a) b) (c", Zombie: true, parent: 7, start: "77"},
		"12 (chrome) S":            {},
		"x (chrome) S 7" + rest:    {},
		"chrome":                   {},
		"":                         {},
	} {
		if got, ok := parseStat([]byte(text)); ok != (want.Pid != 0) || ok && got != want {
			t.Errorf("%q is %+v, %v", text, got, ok)
		}
	}
}

func TestAProcessIsOfItsGroup(t *testing.T) {
	if found := slices.Collect(Group(syscall.Getpgrp())); !slices.Contains(found, syscall.Getpid()) {
		t.Errorf("this process is not among %v", found)
	}
}
