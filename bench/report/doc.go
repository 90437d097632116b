// Package report turns measurements into what people and programs read: a table in Markdown, and
// JSON.
//
// What is repeated is told by its median. Ratios are of medians, of the same page with as many
// scenes at once, measured in turn in one run. Those of transcoding, of which each turn measures
// all, are the medians of the turns' own ratios.
package report
