package msg

// Report is what a finished video was found to be, by reading all of it. It is renders.report.
type Report struct {
	// Frames were counted; DurationSeconds is what the file says of its picture, rounded to the
	// millisecond.
	Frames          int     `json:"frames"`
	DurationSeconds float64 `json:"duration_seconds"`
	Bytes           int64   `json:"bytes"`
	Width           int     `json:"width"`
	Height          int     `json:"height"`
	Rate            Rate    `json:"rate"`
	// Codec, PixelFormat and those of colours are FFmpeg's names: h264, yuv420p, bt709, bt709,
	// bt709, tv.
	Codec          string `json:"codec"`
	PixelFormat    string `json:"pixel_format"`
	ColorSpace     string `json:"color_space"`
	ColorPrimaries string `json:"color_primaries"`
	ColorTransfer  string `json:"color_transfer"`
	ColorRange     string `json:"color_range"`
	// FastStart: a player can begin before it has all of the file.
	FastStart bool `json:"fast_start"`
	// Sound is nil in a video without.
	Sound *SoundReport `json:"sound"`
	// Compared is how many frames were compared with what was encoded, and Difference the largest
	// that was found, in levels of brightness of 255.
	Compared   int     `json:"compared"`
	Difference float64 `json:"difference"`
	// Black and Still are stretches of half a second and more that are black, and of two seconds
	// and more in which the picture as a whole does not change, bubble and all.
	Black []Stretch `json:"black"`
	Still []Stretch `json:"still"`
	// CPUSeconds is the CPU time of the programs that read the file for this report.
	CPUSeconds float64 `json:"cpu_seconds"`
	// Reused is how many tasks of the render, by kind, were done with what others had made. It is
	// added when the render is done; nil when none was.
	Reused map[Kind]int `json:"reused,omitempty"`
}

// SoundReport is what the sound was found to be.
type SoundReport struct {
	Codec           string  `json:"codec"`
	DurationSeconds float64 `json:"duration_seconds"`
	// Integrated is the loudness in LUFS, TruePeak the highest peak in dBTP. Both are nil when
	// there is only silence.
	Integrated *float64 `json:"integrated_lufs"`
	TruePeak   *float64 `json:"true_peak_dbtp"`
}

// Stretch is a part of a video.
type Stretch struct {
	FromSeconds float64 `json:"from_seconds"`
	ToSeconds   float64 `json:"to_seconds"`
}

// Changes say by how much a segment's picture changes. They show a stretch that is black, or stands
// still, though it should not.
type Changes struct {
	// Frame is the segment's first, counted from the first frame of the file.
	Frame int `json:"frame"`
	// Step is how many frames apart the frames are that are compared.
	Step int `json:"step"`
	// Levels has an element for each Step frames: by how much, in levels of brightness of 255, the
	// fingerprint of the last frame differs from that of the first, in the cell that differs most.
	Levels []byte `json:"levels"`
}

// FingerprintSide is the side of a Fingerprint in cells.
const FingerprintSide = 8

// Fingerprint is a frame as a very small picture in grey: enough to tell it from another scene's
// frame, or from black.
type Fingerprint struct {
	// Frame counts from the segment's first.
	Frame int `json:"frame"`
	// Cells is the mean brightness, 0 to 255, of each of FingerprintSide × FingerprintSide parts of
	// the picture, row by row.
	Cells []byte `json:"cells"`
}
