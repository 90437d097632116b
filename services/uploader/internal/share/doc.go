// Package share makes a page for a finished video: its poster and player, its title and captions,
// and what messengers and social networks show of a link to it. The page needs nothing else, has no
// script, and tells nobody who has watched it.
package share
