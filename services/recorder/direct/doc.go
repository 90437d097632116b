// Package direct does to a page what the product's user asked of its scene (scene.Options): it sets
// the browser up before the page is asked for, brings the page to where the scene begins, and acts
// on it while it is captured.
//
//	Prepare  browser, language, headers, cookies, CSS, …  before the navigation; time stands still
//	Ready    JS, then consent, prescroll and waits        loaded, before frame 0; time may pass
//	Frame    scroll and actions                           before each frame; time stands still
//
// Frame acts through driver.js (with find.js and scroll.js), which runs in the page in a world of
// its own and does all that a frame needs in one call, and through the browser's input events. Both
// have happened when Frame returns: the frame that follows shows them.
//
// It guarantees that everything it waits for is bounded, that what it does at a frame depends on
// the frame's time alone, and that no error of its own quotes a secret option.
package direct
