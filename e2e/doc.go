// Package e2e tests the whole of loom-lite on real servers.
package e2e
