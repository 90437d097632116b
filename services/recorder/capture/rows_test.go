package capture_test

import (
	"fmt"
	"strings"
)

// A page of rows shows several things, one below the other. Each has a band as high as a block of a
// JPEG, so that none changes the pixels of another. The first row is row 0.
const rowHeight = 16

// middle returns the line of pixels in the middle of a row.
func middle(row int) int { return rowHeight*row + rowHeight/2 }

// numbersIn returns the numbers that the barcodes in a row show.
func numbersIn(pictures []picture, row int) (found []int) {
	for _, p := range pictures {
		found = append(found, p.numberAt(middle(row)))
	}
	return found
}

// edgesIn returns the first white pixels in a row, -1 where there is none.
func edgesIn(pictures []picture, row int) (found []int) {
	for _, p := range pictures {
		found = append(found, p.edge(middle(row)))
	}
	return found
}

// barcodes declares barcode(row), which returns a function that paints a number in a row.
const barcodes = `<style>body{margin:0;background:#000;overflow:hidden}i{position:absolute;width:20px;height:16px}</style>
<script>
function barcode(row) {
	const cells = [];
	for (let b = 0; b < 16; b++) { const i = document.createElement("i"); i.style.left = 20 * b + "px"; i.style.top = 16 * row + "px"; document.documentElement.append(i); cells.push(i) }
	return n => cells.forEach((c, b) => c.style.background = n >> (15 - b) & 1 ? "#fff" : "#000");
}
</script>`

// painting is a page of scripts. Each has a scope of its own, with a paint(n) for its row.
func painting(scripts ...string) string {
	var page strings.Builder
	page.WriteString(barcodes)
	for row, script := range scripts {
		fmt.Fprintf(&page, "<script>{ const paint = barcode(%d); %s }</script>", row, script)
	}
	return page.String()
}

// drawing is a page of scripts. Each has a scope of its own, with a canvas that is its row.
func drawing(scripts ...string) string {
	var page strings.Builder
	page.WriteString(mediaStyle)
	for range scripts {
		page.WriteString("<canvas width=320 height=16></canvas>")
	}
	for row, script := range scripts {
		fmt.Fprintf(&page, `<script>{ const canvas = document.querySelectorAll("canvas")[%d]; %s }</script>`, row, script)
	}
	return page.String()
}
