// Package uploader copies a finished video and its thumbnails to where the app's users can get
// them, and closes the render.
//
// The files are copied within the object store, from the work bucket to the buckets of videos and
// thumbnails; no byte passes through this process. Keys are derived from the upload task, so that a
// repeated attempt writes the same bytes to the same keys, and no two renders share a key.
//
// loom.finish_render then closes task, render and job in one transaction, if the attempt is the
// task's current one. Before that the render is not done. If the attempt is stale and the task did
// not end as done, the copies are deleted. They are recorded before they are made
// (loom.begin_copies), so that ingest finds the copies of an uploader that was killed.
package uploader
