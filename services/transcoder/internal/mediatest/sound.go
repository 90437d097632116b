package mediatest

import (
	"encoding/binary"
	"math"
	"time"
)

// SampleRate is that of all sound, in hertz.
const SampleRate = 48000

// Wave is sound, from -1 to 1 at a time.
type Wave func(second float64) float64

// PCM makes a mono WAV file's bytes.
func PCM(length time.Duration, w Wave) []byte {
	n := int(length.Seconds() * SampleRate)
	data := make([]byte, 0, 44+2*n)
	data = append(data, "RIFF\xff\xff\xff\xffWAVEfmt "...)
	data = binary.LittleEndian.AppendUint32(data, 16)
	data = binary.LittleEndian.AppendUint16(data, 1) // PCM
	data = binary.LittleEndian.AppendUint16(data, 1) // mono
	data = binary.LittleEndian.AppendUint32(data, SampleRate)
	data = binary.LittleEndian.AppendUint32(data, 2*SampleRate)
	data = binary.LittleEndian.AppendUint16(data, 2)
	data = binary.LittleEndian.AppendUint16(data, 16)
	data = append(data, "data"...)
	data = binary.LittleEndian.AppendUint32(data, uint32(2*n))
	for i := range n {
		data = binary.LittleEndian.AppendUint16(data, uint16(int16(32000*w(float64(i)/SampleRate))))
	}
	return data
}

// Beep is a tone that starts at the second given and lasts half a second.
func Beep(at float64) Wave {
	return func(s float64) float64 {
		if s < at || s > at+0.5 {
			return 0
		}
		return 0.4 * math.Sin(2*math.Pi*1000*s)
	}
}
