package main

import (
	"runtime"

	"github.com/loom-lite/loom-lite/pkg/service"
)

type versionCmd struct{}

// Run prints which build this is.
func (versionCmd) Run(a *app) error {
	a.printf("loom %s (%s, %s/%s)\n", service.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
