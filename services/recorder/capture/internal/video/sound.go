package video

import "github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"

// HasSound reports whether a video of the page has played sound. Its picture follows the sound,
// which plays in real time.
func HasSound(w *world.World) (bool, error) {
	const sounds = `[...document.querySelectorAll("video")].some(v => v.webkitAudioDecodedByteCount > 0)`
	var found bool
	err := w.Ask("listen to the page", sounds, &found)
	return found, err
}
