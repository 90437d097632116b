// Package glyphs finds the characters that a page shows as boxes because no font has a glyph for
// them.
package glyphs
