// Package plan turns a campaign into a render's tasks. It is pure: it uses no database, no network
// and no clock.
//
// Read checks a campaign and returns a Render: rate, frames, options, captions and the like, each
// read once. When the campaign cannot be rendered, Read returns a stable code and words for the
// product's user instead. Build makes a Render's tasks, and cannot fail:
//
//	record 0 ─┬▶ normalize 0 ──┐
//	          └▶ normalize 1 ──┤
//	record 1 ──▶ normalize 2 ──┼──▶ concat ──▶ overlay ──▶ upload
//	record … ──▶ normalize … ──┘                 ▲
//	probe ─────▶ every normalize ────────────────┤
//	  └──────────────────────────────────────────┘
//	draw ──────▶ every normalize
//
// A scene is recorded in pieces of a few seconds. A task of its own normalizes each piece as soon
// as it is stored: while the scene is still being recorded, and beside the others.
//
// Without a facecam there is neither probe nor overlay: concat writes the finished video, and
// upload follows it. Without a watermark there is no draw.
//
// Scenes are ordered by order_index, and by id where several have the same. The caller gives them
// in that order. Messages to users call a scene by its place in it, from 1.
//
// What is bounded by the size of a message is in package budget.
package plan
