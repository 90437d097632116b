// Package budget divides a message among what a grant holds.
//
// A task's grant is one NATS message: its parameters, the names, keys and URLs of its objects, and
// the facts of those that it reads. So what a campaign may ask for is bounded by what fits into
// one. The bounds are here, each with what it may take of the message. services/ingest/plan builds
// the largest grants and shows that they fit.
//
// What is left of a message, ingest fills with the URLs of further parts of large files
// (services/ingest/schedule).
package budget

// Message is the size of the largest message, in bytes. A NATS server's max_payload is 1 MiB unless
// it is configured otherwise.
const Message = 900 << 10

// Every grant.
const (
	// File is what an object takes: its name, its key, one URL and its content type, but not its
	// facts. In bytes.
	File = 1000
	// URL is the longest address of a page, a facecam or a watermark, in bytes. JSON writes a byte
	// with 6 at most.
	URL = 2048
)

// The grant of a record task: the scene's options, and its pieces as outputs.
const (
	// SceneOptions is the size of one scene's options as JSON, in bytes.
	SceneOptions = 256 << 10
	// Pieces is how many pieces one scene is recorded in: 240 kB of files.
	Pieces = 240
)

// The grant of a normalize task: a few files, and what the video's options come to in a segment.
const (
	// FacecamOptions is the size of a facecam's options as JSON, in bytes: they say when it fills
	// the picture, and each segment's parameters repeat that.
	FacecamOptions = 16 << 10
)

// The grant of a concat task: all segments as inputs, with their facts, and the captions.
const (
	// Segments is how many segments a video has: 600 kB of files. Only a campaign with more scenes
	// than that would have more.
	Segments = 600
	// Scenes is how many scenes a campaign has, each of a segment at least.
	Scenes = 500
	// Crossfaded is how many it has with a transition between any two: a transition is a segment of
	// its own.
	Crossfaded = 300
	// Cues is how many captions a video has.
	Cues = 2000
	// CueBytes is what they take together as JSON, in bytes.
	CueBytes = 160 << 10
)
