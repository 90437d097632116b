// Package store is loom-lite's access to an S3 object store: AWS, versitygw, Supabase Storage, and
// others that speak the same protocol.
//
// Only ingest (which signs URLs and deletes objects) and the uploader (which copies finished files)
// hold credentials. The workers between them get presigned URLs.
//
// Guarantees:
//   - Config is the only configuration: no ~/.aws, no AWS_* variables, no instance metadata.
//   - Addressing is path-style, which every store understands.
//   - Errors name the operation, the bucket and the key, and hold no signed URL and no secret.
//   - A call is retried a few times with backoff before it fails.
package store
