package schedule

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// objectKey is the key that an attempt writes an output to. It holds the attempt, so that a worker
// that was superseded writes to a key that nobody reads.
func objectKey(r msg.Ref, attempt int, file string) string {
	return fmt.Sprintf("%sa%d/%s", taskPrefix(r.RenderID, r.TaskID), attempt, file)
}

// bundleFile is the file name of an attempt's failure bundle, bundleType its content type.
const (
	bundleFile = "failure.zip"
	bundleType = "application/zip"
)

// bundles reports whether workers write failure bundles for tasks of this kind.
func bundles(kind msg.Kind) bool { return kind == msg.Record }

// taskPrefix is the prefix of the keys of all attempts at a task, renderPrefix that of all tasks of
// a render.
func taskPrefix(render, task uuid.UUID) string { return renderPrefix(render) + task.String() + "/" }
func renderPrefix(render uuid.UUID) string     { return render.String() + "/" }
