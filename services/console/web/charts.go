package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/services/console/figures"
)

// column is a bar of a chart: stacked parts of it, as hundredths of the chart's height.
type column struct {
	X, Width string
	Parts    []part
	Title    string
}

type part struct{ Class, Y, Height string }

// columns draws how renders ended, one column for each stretch of time.
func (p *page) columns(o figures.Overview) (drawn []column, most int) {
	for _, e := range o.Ends {
		most = max(most, e.All())
	}
	width := 100 / float64(len(o.Ends))
	for i, e := range o.Ends {
		from := o.Since.Add(time.Duration(i) * o.Step).In(p.zone)
		c := column{X: hundredths(float64(i)*width + width*.12), Width: hundredths(width * .76), Title: fmt.Sprintf("%s to %s: %d done, %d failed, %d cancelled",
			from.Format("15:04"), from.Add(o.Step).Format("15:04"), e.Done, e.Failed, e.Cancelled)}
		y := 100.0
		for _, of := range []struct {
			class string
			n     int
		}{{"done", e.Done}, {"fail", e.Failed}, {"off", e.Cancelled}} {
			if of.n > 0 {
				height := 100 * float64(of.n) / float64(max(most, 4))
				y -= height
				c.Parts = append(c.Parts, part{of.class, hundredths(y), hundredths(height)})
			}
		}
		drawn = append(drawn, c)
	}
	return drawn, most
}

// spark is the path of a small line, 100 wide and 20 high, for values from 0 to 1.
func spark(values []float64) (line, area string) {
	if len(values) < 2 {
		return "", ""
	}
	var b strings.Builder
	for i, v := range values {
		x, y := 100*float64(i)/float64(len(values)-1), 19-18*min(max(v, 0), 1)
		b.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + strconv.FormatFloat(x, 'f', 1, 64) + " " + strconv.FormatFloat(y, 'f', 1, 64))
	}
	return b.String(), b.String() + "L100 20L0 20Z"
}
