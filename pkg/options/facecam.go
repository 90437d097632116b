package options

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

const facecamName = "facecam_options"

var facecamSchema = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(facecam.Schema) })

// ParseFacecam reads how the presenter is shown, as JSON. Nothing, and null, are the zero value.
// What is wrong is a *schema.Error.
func ParseFacecam(data []byte) (facecam.Options, error) {
	return parse(facecamName, facecamSchema, data, budget.FacecamOptions, checkFacecam)
}

// checkFacecam finds options that do not go together.
func checkFacecam(o facecam.Options) (problems []schema.Problem) {
	if o.Position != nil && (o.Corner != "" || o.Margin != nil) {
		problems = append(problems, problem("it says where the bubble is, and so do corner and margin. Leave out one or the others").at("position"))
	}
	if o.Aspect != "" && (o.Shape == "" || o.Shape == facecam.ShapeCircle) {
		problems = append(problems, problem("a circle is as wide as high. Leave it out, or choose shape: rounded or shape: rectangle").at("aspect"))
	}
	return problems
}

// CheckFacecam reports what is wrong with the options for a video of a size in pixels and a length,
// as a *schema.Error.
func CheckFacecam(o facecam.Options, width, height int, length time.Duration) error {
	problems := append(checkPlace(o, width, height), checkMoments(o, length)...)
	if len(problems) > 0 {
		return schema.Wrong(facecamName, problems...)
	}
	return nil
}

func checkPlace(o facecam.Options, width, height int) (problems []schema.Problem) {
	p := o.Place(width, height)
	switch {
	case p.Width > width || p.Height > height:
		return []schema.Problem{problem("the bubble of %d × %d pixels is larger than the picture of %d × %d. Choose a smaller size",
			p.Width, p.Height, width, height).at("size")}
	case p.X >= 0 && p.Y >= 0 && p.X+p.Width <= width && p.Y+p.Height <= height:
		return nil
	case o.Position == nil:
		return []schema.Problem{problem("the bubble of %d × %d pixels leaves the picture of %d × %d. Choose a smaller margin or size",
			p.Width, p.Height, width, height).at("margin")}
	}
	// How near the edges the centre may be.
	x, y := float64(p.Width)/2/float64(width), float64(p.Height)/2/float64(height)
	return []schema.Problem{problem("the bubble of %d × %d pixels leaves the picture of %d × %d. Its centre may be from x %.3f to %.3f "+
		"and from y %.3f to %.3f", p.Width, p.Height, width, height, x, 1-x, y, 1-y).at("position")}
}

func checkMoments(o facecam.Options, length time.Duration) (problems []schema.Problem) {
	type span struct {
		from, to time.Duration
		place    int
	}
	var spans []span
	for i, m := range o.Fullscreen {
		from, to := m.Span(length)
		grow, shrink := m.Moves()
		add := func(p text, field string) { problems = append(problems, p.at("fullscreen", strconv.Itoa(i), field)) }
		switch {
		case from < 0 || to > length:
			field := "seconds"
			if from >= length {
				field = "at"
			}
			add(problem("the moment is not within the video, which lasts %s seconds", number(length)), field)
		case grow+shrink > to-from:
			add(problem("the moves between bubble and full picture take %s seconds together, longer than the moment. "+
				"Choose a shorter ease, or more seconds", number(grow+shrink)), "seconds")
		default:
			spans = append(spans, span{from, to, i})
		}
	}
	slices.SortStableFunc(spans, func(a, b span) int { return int(a.from - b.from) })
	for i := 1; i < len(spans); i++ {
		if before := spans[i-1]; spans[i].from < before.to {
			problems = append(problems, problem("the moment overlaps fullscreen[%d], which lasts from %s to %s seconds", before.place,
				number(before.from), number(before.to)).at("fullscreen", strconv.Itoa(spans[i].place), "at"))
		}
	}
	return problems
}

// text is what is wrong, in words.
type text string

func problem(format string, args ...any) text { return text(fmt.Sprintf(format, args...)) }

func (t text) at(location ...string) schema.Problem {
	return schema.Problem{Location: location, Text: string(t)}
}

// number writes seconds.
func number(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
