// Package measure runs a tool on a page and measures what that took.
//
// Each measurement is a process of its own, the worker: it starts the tool on as many scenes at
// once as the job says, waits until all processes are gone, and reports what happened when and how
// much CPU time was used. The process that started it measures the memory of its process tree
// meanwhile, and kills the tree when it does not end in time. What serves the pages is not in that
// tree, whatever the tool.
//
//	Start ──▶ worker ──▶ Chrome, Node.js, FFmpeg …
//	  │ pages                │
//	  └ memory of the tree   └ moments of each scene, CPU time
//
// Our own tools run the tasks of a plan with the handlers of the services (package
// services/ingest/inprocess), as loom capture does.
//
// The moments of a scene are the same for every tool:
//
//	began     it is handed to the tool: no browser runs yet
//	first     its first frame is captured
//	finished  the last frame is captured, or, where an mp4 is made, the mp4 is complete
//	done      browser and all are gone
//
// Transcode measures what becomes of a recorded scene: the worker runs the stages after recording,
// one task at a time, and reports the CPU time of each.
package measure
