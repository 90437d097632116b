// Package store is loom-lite's access to an S3 object store: AWS, versitygw, Supabase Storage, and
// others that speak the same protocol.
//
// Only ingest (which signs URLs and sweeps) and the uploader (which copies finished files) hold
// credentials; the workers between them get presigned URLs.
//
// What it promises:
//   - Nothing is read from the machine: no ~/.aws, no AWS_* variables, no instance metadata. Config is all there is.
//   - Addressing is path-style, which every store understands.
//   - Errors name the operation, the bucket and the key, and hold no signed URL and no secret.
//   - Calls are tried a few times with growing pauses before they fail.
package store
