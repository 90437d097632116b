// Package capture records a page frame by frame, on a clock of the page's own.
//
// The page lives in virtual time from its first byte. Time stands still until it is granted, one
// frame's worth at a time, and waits while the page's requests are under way. So every frame is
// drawn, in order and at its exact time, however slow the machine is, and the network takes no page
// time:
//
//	grant a frame's time ──▶ budget expired ──▶ beginFrame, without a picture
//	        ▲                                      │ no damage: the last picture is repeated
//	        │                                      ▼ damage
//	        └────────────────────────── beginFrame at the same tick, with the picture
//
// The page loads in no page time: budgets too small for Chrome's clock run the tasks that are
// ready. Frame 0 is the page a millisecond after it was requested, with all that it has requested
// by then.
//
// A picture costs thirty times what a check for damage does, so a page on which nothing moves costs
// almost nothing. On a page that moves in every frame the check is left out, until frames repeat.
//
// Run delivers exactly as many frames as Options.Frames, or returns an error. It ends: every wait
// has a bound. The error of a page that fails is a *PageError.
//
// # Parts
//
// A session takes a capture from the empty page to the notices. Three modes open the page and
// deliver its frames: exact draws them on demand (exact.go, stride.go), virtual takes screenshots
// on the same clock (screenshots.go), realtime records a screencast (realtime.go, screencast.go,
// resample.go). The packages below are named for what they watch:
//
//	internal/clock           page time, and how long requests may hold it
//	internal/requests        requests under way
//	internal/document        the main document: response, parsing, loading
//	internal/load            navigating, and waiting until the page is complete
//	internal/process         documents that another process of Chrome shows
//	internal/interstitial    challenges and logins in the page's place
//	internal/world           scripts that see the document, and nothing of its own scripts
//	internal/workers         dedicated workers
//	internal/serviceworkers  service workers that are being set up
//	internal/images          images that scripts have decoded
//	internal/video           videos: their sound, and seeks
//	internal/animations      animations where Chrome draws frames when it sees fit
//	internal/overrides       functions of the browser that pages get replaced
//	internal/blank           pictures that show nothing
//	internal/glyphs          characters without a glyph
//	assets                   scripts, stylesheets and fonts of the page's own site
//	pageerror                the error of a page that cannot be recorded
package capture
