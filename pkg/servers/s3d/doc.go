// Package s3d runs private S3 servers for tests: versitygw over a folder, as a child process, at
// the version that e2e/go.mod pins.
package s3d
