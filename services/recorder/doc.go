// Package recorder is loom-lite's recorder service.
package recorder
