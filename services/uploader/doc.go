// Package uploader is loom-lite's uploader service.
package uploader
