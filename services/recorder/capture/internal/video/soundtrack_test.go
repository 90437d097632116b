package video

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// formats are videos of each format, made by ffmpeg, with the letters of their tracks: v for
// pictures, a for sound.
var formats = []struct {
	name, tracks string
	args         []string
}{
	{"opus.webm", "va", []string{"-c:v", "libvpx", "-c:a", "libopus"}},
	{"vorbis.webm", "va", []string{"-c:v", "libvpx", "-c:a", "libvorbis"}},
	{"aac.mp4", "va", []string{"-c:v", "libx264", "-c:a", "aac"}},
	{"faststart.mp4", "va", []string{"-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart"}},
	{"fragments.mp4", "va", []string{"-c:v", "libx264", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"}},
	{"sound first.mp4", "av", []string{"-map", "1", "-map", "0", "-c:v", "libx264", "-c:a", "aac"}},
	{"two sounds.webm", "vaa", []string{"-map", "0", "-map", "1", "-map", "1", "-c:v", "libvpx", "-c:a", "libopus"}},
	{"two sounds.mp4", "vaa", []string{"-map", "0", "-map", "1", "-map", "1", "-c:v", "libx264", "-c:a", "aac"}},
	{"silent.webm", "v", []string{"-map", "0", "-c:v", "libvpx"}},
	{"silent.mp4", "v", []string{"-map", "0", "-c:v", "libx264"}},
	{"sound.webm", "a", []string{"-map", "1", "-c:a", "libopus"}},
	{"sound.m4a", "a", []string{"-map", "1", "-c:a", "aac"}},
}

func makeVideo(t testing.TB, name string, args []string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	input := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc=duration=1:size=64x36:rate=10", "-f", "lavfi", "-i", "sine=duration=1"}
	if said, err := exec.Command("ffmpeg", append(append(input, args...), path)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg (apt install ffmpeg): %v: %s", err, said)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// probe returns what ffprobe says of a file.
func probe(t *testing.T, file []byte, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffprobe", append(append([]string{"-v", "error", "-of", "csv=p=0"}, args...), path)...).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	return string(out)
}

func TestSoundTracksAreHidden(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			file := makeVideo(t, f.name, f.args)
			changed := bytes.Clone(file)
			want := 0
			if strings.Contains(f.tracks, "v") {
				want = strings.Count(f.tracks, "a")
			}
			if got := hideSound(changed); got != want {
				t.Fatalf("%d tracks were hidden, want %d", got, want)
			}
			if want == 0 {
				if !bytes.Equal(changed, file) {
					t.Error("the file was changed")
				}
				return
			}
			if kinds := probe(t, changed, "-show_entries", "stream=codec_type"); strings.Contains(kinds, "audio") || !strings.Contains(kinds, "video") {
				t.Errorf("its tracks are %q", kinds)
			}
			frames := []string{"-select_streams", "v", "-show_entries", "packet=pts_time,size"}
			if got, want := probe(t, changed, frames...), probe(t, file, frames...); got != want {
				t.Errorf("its pictures are\n%swant\n%s", got, want)
			}
			if hideSound(changed) != 0 {
				t.Error("there was more to hide")
			}
		})
	}
}

// The headers may be anywhere in the part.
func TestSoundTracksAreHiddenInAPart(t *testing.T) {
	for _, f := range formats {
		if !strings.HasPrefix(f.tracks, "va") {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			file := makeVideo(t, f.name, f.args)
			whole := bytes.Clone(file)
			tracks := hideSound(whole)
			first := len(file)
			last := 0
			for i := range file {
				if file[i] != whole[i] {
					first, last = min(first, i), i
				}
			}
			part := bytes.Clone(file[:min(last+8000, len(file))])
			if got := hideSound(part); got != tracks || !bytes.Equal(part, whole[:len(part)]) {
				t.Errorf("of a beginning, %d tracks were hidden, want %d", got, tracks)
			}
			behind := bytes.Clone(file[last+1:])
			if got := hideSound(behind); got != 0 || !bytes.Equal(behind, file[last+1:]) {
				t.Errorf("of what is behind the headers, %d tracks were hidden", got)
			}
		})
	}
}

// Anybody may have made a file: none may be read past its end, and nothing but the name of a track
// may change.
func FuzzSilence(f *testing.F) {
	for _, format := range formats {
		f.Add(makeVideo(f, format.name, format.args)[:1500])
	}
	f.Add([]byte(webmTracksID + "\x01\xff\xff\xff\xff\xff\xff\xff\xae\x83\x83\x81\x01\xae\x83\x83\x81\x02"))
	f.Add([]byte("\xff\xff\xff\xfftrak\xff\xff\xff\xffmdia\xff\xff\xff\xffhdlr\x00\x00\x00\x00\x00\x00\x00\x00vide"))
	f.Fuzz(func(t *testing.T, part []byte) {
		changed := bytes.Clone(part)
		tracks := hideSound(changed)
		different := 0
		for i := range part {
			if part[i] != changed[i] {
				different++
			}
		}
		if different > 4*tracks {
			t.Errorf("%d bytes were changed to hide %d tracks", different, tracks)
		}
	})
}
