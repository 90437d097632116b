// Package e2e tests the whole of loom-lite on real parts: the four services as processes, Postgres,
// NATS and an S3 server, Chrome and FFmpeg. Rows go in as the app writes them, and a video must
// come out in which every frame is right.
//
//	happy_test.go     a campaign becomes a video
//	share_test.go     replicas share the work
//	worker_test.go    workers that die, hang, or are told to stop
//	outage_test.go    NATS wiped, Postgres away
//	input_test.go     mistakes of users
//	asked_test.go     crossfades, captions, a watermark and more in one video
//	cancel_test.go    the app ends a render itself
//	cli_test.go       loom render, everything in one process
//	player_test.go    Chrome steps through a video, frame by frame
//	colours_test.go   a page's colours, in the video and in Chrome
//	number_test.go    every frame of a page, at 60 frames a second
//
// Package rig starts all of it. Tests that take no part away run one after the other, on the same
// pipeline. The others run in parallel, each on a pipeline that is its own for as long.
package e2e
