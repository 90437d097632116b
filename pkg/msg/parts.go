package msg

import "strconv"

// MaxObject is the largest object that a store takes in one PUT, in bytes: S3's bound.
const MaxObject = 5 << 30

// Parts says how a file is stored that may be larger than what the store takes as one object: in
// several, each but the last of Bytes bytes. The last has fewer, which tells that it is the last;
// it may be empty.
type Parts struct {
	// Bytes of each object but the last. 0: the file is one object.
	Bytes int64 `json:"part_bytes,omitempty"`
	// More are the presigned URLs of the objects behind the first, in order; there may be more of
	// them than objects.
	More []SignedURL `json:"more,omitempty"`
}

// Most is the size of the largest file that can be stored so.
func (p Parts) Most() int64 {
	if p.Bytes == 0 {
		return MaxObject
	}
	return p.Bytes*int64(1+len(p.More)) - 1
}

// PartKey is the key of one of the objects that hold a file, by its place, from 0.
func PartKey(key string, place int) string {
	if place == 0 {
		return key
	}
	return key + "." + strconv.Itoa(place)
}
