package preflight

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/loom-lite/loom-lite/pkg/grapheme"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Sizes of a contact sheet, in pixels.
const (
	cellWidth, cellHeight = 480, 270 // of a picture
	captionHeight         = 58
	gap, margin           = 16, 24
	headHeight            = 56
	columnsMost           = 4
	// sheetMost is how many pages a sheet shows: JPEG has a largest side, and people do too.
	sheetMost = 100
)

// Colours of a contact sheet.
var (
	paper = color.RGBA{0x14, 0x17, 0x1c, 0xff}
	slab  = color.RGBA{0x22, 0x27, 0x2e, 0xff}
	ink   = color.RGBA{0xf2, 0xf4, 0xf7, 0xff}
	faint = color.RGBA{0xa6, 0xaf, 0xbb, 0xff}

	good = color.RGBA{0x2f, 0x9e, 0x5b, 0xff}
	warn = color.RGBA{0xd9, 0x8e, 0x04, 0xff}
	bad  = color.RGBA{0xd6, 0x45, 0x45, 0xff}
)

// Sheet draws a contact sheet: the picture of each page with its number, its class and its host. It
// returns a JPEG. pictures are JPEGs by the place of their page, nil where there is none. One that
// cannot be decoded, or has far more pixels than recorders write, is left out.
func Sheet(p *Preflight, pictures [][]byte) ([]byte, error) {
	faces, err := newFaces()
	if err != nil {
		return nil, fmt.Errorf("draw the contact sheet: %w", err)
	}
	pages := p.Pages[:min(len(p.Pages), sheetMost)]
	columns := max(1, min(columnsMost, len(pages)))
	rows := (len(pages) + columns - 1) / columns
	width := 2*margin + columns*cellWidth + (columns-1)*gap
	height := margin + headHeight + rows*(cellHeight+captionHeight+gap) + margin - gap
	s := sheet{image.NewRGBA(image.Rect(0, 0, width, height)), faces}
	s.fill(s.Rect, paper)
	s.text(faces.title, ink, margin, margin+24, title(p), width-2*margin)
	for i, page := range pages {
		at := image.Pt(margin+i%columns*(cellWidth+gap), margin+headHeight+i/columns*(cellHeight+captionHeight+gap))
		var picture []byte
		if i < len(pictures) {
			picture = pictures[i]
		}
		s.cell(at, page, picture)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, s, &jpeg.Options{Quality: 85}); err != nil {
		return nil, fmt.Errorf("draw the contact sheet: %w", err)
	}
	return out.Bytes(), nil
}

func title(p *Preflight) string {
	text := fmt.Sprintf("%d pages", len(p.Pages))
	if len(p.Pages) == 1 {
		text = "1 page"
	}
	if p.Name != "" {
		text = p.Name + "  ·  " + text
	}
	if n := len(p.Pages) - sheetMost; n > 0 {
		text += fmt.Sprintf(" (%d more are not shown)", n)
	}
	return text
}

// faces are the fonts of a sheet.
type faces struct{ title, label, small font.Face }

// fonts are parsed once; faces are one sheet's, since they are not safe for use by several.
var fonts = sync.OnceValues(func() (list [2]*opentype.Font, err error) {
	if list[0], err = opentype.Parse(goregular.TTF); err != nil {
		return list, err
	}
	list[1], err = opentype.Parse(gobold.TTF)
	return list, err
})

func newFaces() (f faces, err error) {
	list, err := fonts()
	if err != nil {
		return f, err
	}
	for _, one := range []struct {
		face *font.Face
		of   *opentype.Font
		size float64
	}{{&f.title, list[1], 24}, {&f.label, list[1], 17}, {&f.small, list[0], 15}} {
		*one.face, err = opentype.NewFace(one.of, &opentype.FaceOptions{Size: one.size, DPI: 72, Hinting: font.HintingFull})
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// sheet is a contact sheet that is being drawn.
type sheet struct {
	*image.RGBA
	faces faces
}

func (s sheet) fill(r image.Rectangle, c color.Color) {
	draw.Draw(s, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// cell draws a page with its upper left corner at a point.
func (s sheet) cell(at image.Point, page Page, picture []byte) {
	place := image.Rectangle{at, at.Add(image.Pt(cellWidth, cellHeight))}
	s.fill(place, slab)
	if shown := decode(picture); shown != nil {
		size := shown.Bounds().Size()
		scale := min(float64(cellWidth)/float64(size.X), float64(cellHeight)/float64(size.Y))
		w, h := int(float64(size.X)*scale), int(float64(size.Y)*scale)
		corner := at.Add(image.Pt((cellWidth-w)/2, (cellHeight-h)/2))
		draw.ApproxBiLinear.Scale(s, image.Rectangle{corner, corner.Add(image.Pt(w, h))}, shown, shown.Bounds(), draw.Src, nil)
	} else {
		text := "no picture"
		x := (cellWidth - font.MeasureString(s.faces.small, text).Round()) / 2
		s.text(s.faces.small, faint, at.X+x, at.Y+cellHeight/2, text, cellWidth)
	}
	label, mark := labelOf(page)
	below := at.Y + cellHeight
	s.fill(image.Rect(at.X, below, at.X+cellWidth, below+4), mark)
	number := fmt.Sprintf("%d", page.Scene)
	s.text(s.faces.label, ink, at.X, below+27, number, 60)
	x := at.X + font.MeasureString(s.faces.label, number).Round() + 12
	s.text(s.faces.label, mark, x, below+27, label, at.X+cellWidth-x)
	s.text(s.faces.small, faint, at.X, below+49, page.Host(), cellWidth)
}

// decode returns a picture, or nil.
func decode(data []byte) image.Image {
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width*config.Height > 1<<22 {
		return nil
	}
	decoded, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	return decoded
}

// labelOf returns what a page is called and its colour.
func labelOf(page Page) (string, color.RGBA) {
	switch {
	case page.Class == "":
		return page.State, faint
	case page.Class == msg.ClassOK:
		return "ok", good
	case page.Fails || page.Class == msg.ClassError:
		return Label(page.Class), bad
	}
	return Label(page.Class), warn
}

// Label is what people call a class.
func Label(c msg.Class) string {
	if label, known := labels[c]; known {
		return label
	}
	return string(c)
}

var labels = map[msg.Class]string{
	msg.ClassOK: "ok", msg.ClassRedirect: "redirect", msg.ClassLogin: "login", msg.ClassBotWall: "bot wall",
	msg.ClassConsentWall: "consent wall", msg.ClassBlank: "blank", msg.ClassSlow: "slow", msg.ClassMissingFonts: "missing fonts",
	msg.ClassError: "error",
}

// text writes a line from a point on, cut to a width.
func (s sheet) text(face font.Face, c color.Color, x, y int, text string, width int) {
	for n := 200; font.MeasureString(face, text).Round() > width && n > 0; n -= 4 {
		text = grapheme.Shorten(text, n)
	}
	d := font.Drawer{Dst: s, Src: image.NewUniform(c), Face: face, Dot: fixed.P(x, y)}
	d.DrawString(text)
}
