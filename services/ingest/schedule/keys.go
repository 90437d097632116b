package schedule

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// objectKey is where an attempt writes an output: the attempt is in it, so a worker that was
// superseded writes to a key of its own, which nobody reads.
func objectKey(r msg.Ref, attempt int, file string) string {
	return fmt.Sprintf("%sa%d/%s", taskPrefix(r.RenderID, r.TaskID), attempt, file)
}

// bundleFile is what a failure bundle is called within its attempt's folder, bundleType what it is.
const (
	bundleFile = "failure.zip"
	bundleType = "application/zip"
)

// bundles reports whether workers write failure bundles for tasks of this kind.
func bundles(kind msg.Kind) bool { return kind == msg.Record }

// taskPrefix is what the keys of all of a task's attempts start with; renderPrefix, of all of a
// render's tasks.
func taskPrefix(render, task uuid.UUID) string { return renderPrefix(render) + task.String() + "/" }
func renderPrefix(render uuid.UUID) string     { return render.String() + "/" }
