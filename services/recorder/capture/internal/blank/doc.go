// Package blank recognizes a scene whose pictures show nothing: all of one colour, or with nothing
// on it but something small, such as a loading indicator, always in the same place.
//
// The pictures are examined as they come; the document is asked at the end what is in that place.
package blank
