package main

import (
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints which build this is.
func (versionCmd) Run(a *app) error {
	a.printf("loom %s (%s, %s/%s)\n", build(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// build names the release or, between releases, the commit.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	if version != "" && version != "(devel)" {
		return version
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision == "" {
		return "development build"
	}
	revision = revision[:min(12, len(revision))]
	if settings["vcs.modified"] == "true" {
		revision += ", modified"
	}
	return "development build " + revision
}
