// Package ingest is loom-lite's ingest service.
package ingest
