// Package plan turns a campaign into a render's tasks. It is pure: no database, no network, no
// clock.
//
// Validate says whether a campaign can be rendered at all; its error carries a stable code and
// words for the product's user. Build makes the graph:
//
//	record 0 ─┬▶ normalize 0 ──┐
//	          └▶ normalize 1 ──┤
//	record 1 ──▶ normalize 2 ──┼──▶ concat ──▶ overlay ──▶ upload
//	record … ──▶ normalize … ──┘                 ▲
//	probe ─────▶ every normalize ────────────────┘
//
// A scene is recorded in pieces of a few seconds, and each is normalized by a task of its own, as
// soon as it is stored: while the scene is still being recorded, and beside the others.
//
// A watermark is drawn, by a task draw, before every normalize. Without a facecam there is neither
// probe nor overlay: concat writes the finished video, and upload follows it.
//
// The order of scenes is order_index, and id among scenes that share one, so every order_index is
// defined; the caller gives them in that order. A scene's place in it, from 1, is what messages to
// users call it by.
package plan
