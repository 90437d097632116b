package capture

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"regexp"
	"strings"
	"time"
)

const (
	// blankEvery is how often pictures are looked at, in page time, as long as all were blank.
	blankEvery = 250 * time.Millisecond
	// unlike is by how much a sample of a picture must differ from the background to be seen: more
	// than JPEG makes of an even colour.
	unlike = 12
	// smallPart is how much of the picture a sign that the page is loading may fill, smallSide such
	// a sign's sides in pixels where that is more, up to smallMost of the picture.
	smallPart, smallSide, smallMost = 0.02, 160, 0.04
)

// blank looks whether the pictures of a scene are blank: of one colour, or with nothing on it but
// something small, always in the same small place.
type blank struct {
	not    bool          // blank: something was seen
	seen   bool          // a picture
	last   time.Duration // when one was looked at
	unseen []byte        // the last that was not
	ground [3]uint8      // the colour of the background: Y, Cb and Cr
	size   image.Point
	area   image.Rectangle // where something is
}

// see takes a picture that is shown from a time on.
func (b *blank) see(picture []byte, at time.Duration) {
	if b.not {
		return
	}
	if b.seen && at-b.last < blankEvery {
		b.unseen = picture
		return
	}
	b.look(picture)
	b.seen, b.last, b.unseen = true, at, nil
}

// end returns where something was in blank pictures, as parts of their width and height; false when
// they were not blank.
func (b *blank) end() (area [4]float64, blank bool) {
	if !b.not && b.unseen != nil {
		b.look(b.unseen)
	}
	if b.not || !b.seen {
		return area, false
	}
	w, h := float64(b.size.X), float64(b.size.Y)
	return [4]float64{float64(b.area.Min.X) / w, float64(b.area.Min.Y) / h, float64(b.area.Max.X) / w, float64(b.area.Max.Y) / h}, true
}

// look looks at a picture. What is none that can be looked at is not blank.
func (b *blank) look(picture []byte) {
	decoded, err := jpeg.Decode(bytes.NewReader(picture))
	planes, ok := decoded.(*image.YCbCr)
	if err != nil || !ok {
		b.not = true
		return
	}
	size := planes.Rect.Size()
	cw, ch := planes.CStride, len(planes.Cb)/max(1, planes.CStride)
	list := [3]plane{{planes.Y, planes.YStride, size.X, size.Y}, {planes.Cb, planes.CStride, cw, ch}, {planes.Cr, planes.CStride, cw, ch}}
	for i, p := range list {
		ground := p.most()
		if b.seen && differ(ground, b.ground[i]) {
			b.not = true
			return
		}
		b.ground[i] = ground
		b.area = b.area.Union(p.unlike(ground, size))
	}
	b.size = size
	all := float64(size.X * size.Y)
	small := max(smallPart*all, min(smallMost*all, smallSide*smallSide))
	b.not = float64(b.area.Dx()*b.area.Dy()) > small
}

// plane is one of a picture's three: brightness, or a part of the colour, which may have fewer
// samples.
type plane struct {
	samples       []uint8
	stride        int
	width, height int
}

// most returns the sample that there is most often.
func (p plane) most() (sample uint8) {
	var counts [256]int
	for y := range p.height {
		for _, s := range p.samples[y*p.stride : y*p.stride+p.width] {
			counts[s]++
		}
	}
	for s, n := range counts {
		if n > counts[sample] {
			sample = uint8(s)
		}
	}
	return sample
}

// unlike returns where in a picture of a size samples are unlike one.
func (p plane) unlike(sample uint8, size image.Point) (area image.Rectangle) {
	for y := range p.height {
		row := p.samples[y*p.stride : y*p.stride+p.width]
		first, last := -1, -1
		for x, s := range row {
			if differ(s, sample) {
				if first < 0 {
					first = x
				}
				last = x
			}
		}
		if first >= 0 {
			area = area.Union(image.Rect(first, y, last+1, y+1))
		}
	}
	sx, sy := (size.X+p.width-1)/p.width, (size.Y+p.height-1)/p.height
	area = image.Rect(area.Min.X*sx, area.Min.Y*sy, area.Max.X*sx, area.Max.Y*sy)
	return area.Intersect(image.Rectangle{Max: size})
}

func differ(a, b uint8) bool { return max(a, b)-min(a, b) > unlike }

//go:embed blank.js
var blankScript string

// loading is what pages write beside a sign that they are loading.
var loading = regexp.MustCompile(`(?i)^(?:loading|loading data|loading page|please wait|wait|one moment|just a moment|initiali[sz]ing|starting|` +
	`connecting|lädt|laden|wird geladen|bitte warten|chargement|chargement en cours|veuillez patienter|cargando|espere|por favor espere|` +
	`carregando|aguarde|caricamento|attendere|bezig met laden|ładowanie|laddar|indlæser|laster|ladataan|yükleniyor|memuat|đang tải|` +
	`загрузка|подождите|завантаження|加载中|正在加载|載入中|请稍候|読み込み中|ロード中|로딩 ?중|로드 중|กำลังโหลด|جار التحميل|جاري التحميل|טוען)?$`)

// nothingIn reports whether there is nothing to be read, and no video and no page of another's, in
// a part of the window.
func (s *scene) nothingIn(area [4]float64) (bool, error) {
	at, err := json.Marshal(area)
	if err != nil {
		return false, fmt.Errorf("write a place: %w", err)
	}
	var found struct {
		Text  string `json:"text"`
		Shows bool   `json:"shows"`
	}
	err = s.ask("look at what is left of the page", fmt.Sprintf("(%s)(%s)", strings.TrimSpace(blankScript), at), &found)
	text := strings.Join(strings.FieldsFunc(found.Text, func(r rune) bool { return strings.ContainsRune(" \t\n\r.…·•*-–—:!,%0123456789", r) }), " ")
	return !found.Shows && loading.MatchString(text), err
}
