package msg

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Watch asks the recorders that record scenes of a render for pictures: one a second of each scene,
// while it changes, until For is over. It is broadcast on WatchSubject, and repeated for as long as
// somebody looks. Without it no picture is sent.
type Watch struct {
	Version  int       `json:"v"`
	RenderID uuid.UUID `json:"render_id"`
	// For is at most MaxWatch.
	For Duration `json:"for_ms"`
}

const (
	// MaxWatch is how long a watch lasts at most.
	MaxWatch = 30 * time.Second
	// MaxPicture bounds a picture of a scene that is being recorded, in bytes. It is a JPEG, and
	// the whole message.
	MaxPicture = 48 << 10
)

func (w Watch) check() error {
	if w.RenderID == uuid.Nil || w.For <= 0 || time.Duration(w.For) > MaxWatch {
		return fmt.Errorf("%w: render_id %s, for %s", ErrMalformed, w.RenderID, time.Duration(w.For))
	}
	return checkVersion(w.Version)
}

// WatchSubject is where recorders are asked for pictures of a render's scenes: ctl.watch.<render>.
func WatchSubject(render uuid.UUID) string { return "ctl.watch." + render.String() }

// PictureSubject is where they send them: picture.<render>.<task>. What is sent there is a JPEG.
func PictureSubject(render, task uuid.UUID) string {
	return pictures + render.String() + "." + task.String()
}

// PicturesOf matches the PictureSubject of every task of a render.
func PicturesOf(render uuid.UUID) string { return pictures + render.String() + ".*" }

// Wildcards to subscribe to.
const (
	AllWatches  = "ctl.watch.*"
	AllPictures = pictures + "*.*"

	pictures = "picture."
)
