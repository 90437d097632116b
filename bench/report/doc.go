// Package report turns measurements into tables in Markdown, for people, and JSON, for programs.
//
// A figure that was measured several times is given by its median. Ratios of recording are ratios
// of medians: of the same page with the same number of scenes at once, measured in turn in one run.
// Ratios of transcoding are medians of the ratios of each turn, because a turn measures everything.
package report
