//go:build !linux

package postgrestest

import "github.com/loom-lite/loom-lite/pkg/servers/postgresd"

// folder makes a temporary folder that the account can enter.
func folder(pattern string) (string, error) { return postgresd.Folder(pattern) }
