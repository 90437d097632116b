// Package capture records a page frame by frame on a clock of its own.
//
// The page lives in virtual time from its first byte: time stands still until it is granted, one
// frame's worth at a time, and waits while the page's own requests are under way. So every frame is
// drawn, in order and at its exact time, however slow the machine is, and what the page fetches
// arrives in no time at all.
//
//	grant a frame's time ──▶ budget expired ──▶ beginFrame, without a picture
//	        ▲                                      │ no damage: the last picture stands for this frame, too
//	        │                                      ▼ damage
//	        └────────────────────────── beginFrame at the same tick, with the picture
//
// The page loads in no page time: budgets too small for Chrome's clock let what is ready run. Frame
// 0 is the page a millisecond after it was asked for, with all that it asks for by then; see
// firstFrame.
//
// A picture costs thirty times what looking for damage does, so a page on which nothing moves costs
// almost nothing. On a page that moves in every frame the look is left out, until frames repeat.
//
// Run guarantees that it delivers exactly as many frames as it was asked for, or returns an error,
// and that it ends: every wait has a bound. A page that fails is reported as a *PageError.
package capture
