// Package sheet reads tables of people: CSV and JSON Lines, as spreadsheets and programs write
// them.
//
// A table is read row by row, and no more of it is held than one row. What is wrong with the file
// as a whole ends the reading: an *Error. What is wrong with one row is that row's faults, and the
// rows after it are read. Both say the line, the column where there is one, and what to do.
//
//	rules      docs/reference/batches.md
//	limits     the constants Max…
package sheet
