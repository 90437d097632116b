package msg

import "strconv"

// MaxObject is the largest object that a store takes in one PUT, in bytes: S3's bound.
const MaxObject = 5 << 30

// Parts describes a file that may be larger than the store's largest object. It is stored in
// several objects of Bytes bytes each. The last is shorter, and may be empty: that marks it as the
// last.
type Parts struct {
	// Bytes of each object but the last. 0: the file is one object.
	Bytes int64 `json:"part_bytes,omitempty"`
	// More are the presigned URLs of the objects behind the first, in order; there may be more of
	// them than objects.
	More []SignedURL `json:"more,omitempty"`
}

// Most returns the size of the largest file that these parts can hold.
func (p Parts) Most() int64 {
	if p.Bytes == 0 {
		return MaxObject
	}
	return p.Bytes*int64(1+len(p.More)) - 1
}

// PartKey returns the key of a file's object at place, counted from 0.
func PartKey(key string, place int) string {
	if place == 0 {
		return key
	}
	return key + "." + strconv.Itoa(place)
}
