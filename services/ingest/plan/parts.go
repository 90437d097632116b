package plan

import (
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// partsFolder begins the name of the folder of a file that may be stored in several objects. The
// name ends with the size of these objects. So the key tells the size to readers, even if the
// store's bound has changed since.
const partsFolder = "parts-"

// parted returns o with the name that it has where the store takes objects of at most bound bytes.
// 0 is no bound.
func (o Output) parted(bound int64) Output {
	if bound > 0 && bound < msg.MaxObject {
		o.File = partsFolder + strconv.FormatInt(bound, 10) + "/" + o.File
	}
	return o
}

// PartBytes returns the size in bytes of the objects that hold the file with this key (see
// msg.Parts), or 0 when it is one object.
func PartBytes(key string) int64 {
	_, rest, found := strings.Cut(key, partsFolder)
	digits, _, folder := strings.Cut(rest, "/")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !found || !folder || err != nil || n <= 0 {
		return 0
	}
	return n
}
