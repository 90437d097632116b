// Package measure runs a tool on a page and measures what that took.
//
// Each measurement is a process of its own, the worker: it starts the tool on as many scenes at
// once as are asked for, waits until all processes are gone, and tells what happened when and how
// much CPU time was used. Who started it looks at the memory of its process tree meanwhile, and
// kills the tree when it does not end in time. What serves the pages and takes the files is not in
// that tree, for no tool.
//
//	Start ──▶ worker ──▶ Chrome, Node.js, FFmpeg …
//	  │ pages, files         │
//	  └ memory of the tree   └ moments of each scene, CPU time
//
// The moments of a scene are the same for every tool:
//
//	began     it is handed to the tool: no browser runs yet
//	first     its first frame is captured
//	finished  the last frame is captured, or, where an mp4 is made, the mp4 is complete
//	done      browser and all are gone
//
// Transcode measures what becomes of a recorded scene. There the worker is a Replica: a transcoder
// that gets its tasks, one after the other, from the process that started it.
package measure
