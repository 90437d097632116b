// Package picture writes the graph of FFmpeg's filters that makes a segment's frames:
//
//	mezzanine ── fit ── to BT.709 ── rate ──┐ (the next scene's, fading in)
//	facecam ── slice ── to BT.709 ── bubble ┴─ watermark ── captions ── encoder, fingerprints
//
// Colours are converted, not only labelled: limited-range BT.709. Its functions are pure, but for
// Bubble.Prepare, which draws the pictures that the graph reads.
package picture
