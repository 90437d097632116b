package plan

import (
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// partsFolder begins the name of the folder that a file is in which may be stored in several
// objects. How large these are is in its name, and so in the key: whoever reads the file later
// knows it, whatever the bound is by then.
const partsFolder = "parts-"

// parted returns o as it is called where the store takes objects of at most bound bytes. 0 is no
// bound.
func (o Output) parted(bound int64) Output {
	if bound > 0 && bound < msg.MaxObject {
		o.File = partsFolder + strconv.FormatInt(bound, 10) + "/" + o.File
	}
	return o
}

// PartBytes returns how large the objects are that hold the file with this key (see msg.Parts); 0
// when it is one object.
func PartBytes(key string) int64 {
	_, rest, found := strings.Cut(key, partsFolder)
	digits, _, folder := strings.Cut(rest, "/")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !found || !folder || err != nil || n <= 0 {
		return 0
	}
	return n
}
