// Package deploy checks the compose files without Docker. `make e2e-compose` runs them.
package deploy
