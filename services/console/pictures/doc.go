// Package pictures keeps the last picture of each scene of the renders that somebody looks at,
// while they are recorded.
//
// Who asks for a picture makes its render watched: recorders are asked to send pictures
// (msg.Watch), again and again until nobody has asked for idleAfter. So it costs nothing while
// nobody looks. What is kept is bounded, whoever sends it: by render, in all, and each picture by
// itself. Nothing is written down.
package pictures
