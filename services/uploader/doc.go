// Package uploader is loom-lite's uploader: it puts a finished video and its thumbnail where the
// app's users can get them, and closes the render.
//
// The files are copied within the object store, from the work bucket to the buckets of videos and
// of thumbnails; no byte passes through this process. Keys are the upload task's own, so an attempt
// that is repeated writes the same bytes to the same place, and no two renders share one.
//
// loom.finish_render then closes task, render and job in one transaction, if the attempt is still
// the task's current one. Until it has said so the render is not done, and the copies are nobody's;
// when it says that the attempt is stale, and the task has ended in another way, they are deleted.
// They are written down before they are made (loom.begin_copies), so that ingest finds what an
// uploader that is killed leaves behind.
package uploader
