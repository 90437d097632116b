package fetch

import "github.com/loom-lite/loom-lite/pkg/msg"

// Subject is a kind of file: its name for users, and the codes of failed downloads.
type Subject struct {
	// Name as in "the facecam".
	Name string
	// Accept is the request's header.
	Accept string
	// Smaller ends the sentence "Please upload a smaller file, for example …".
	Smaller string

	URL, Unresolved, Unreachable, Status, Refused, TooLarge msg.Code
}

// Facecam is a presenter's video.
var Facecam = Subject{
	Name: "facecam", Accept: "video/*, application/octet-stream;q=0.9, */*;q=0.1", Smaller: "by exporting it at a lower quality",
	URL: msg.CodeFacecamURL, Unresolved: msg.CodeFacecamUnresolved, Unreachable: msg.CodeFacecamUnreachable,
	Status: msg.CodeFacecamStatus, Refused: msg.CodeFacecamRefused, TooLarge: msg.CodeFacecamTooLarge,
}

// Watermark is a picture.
var Watermark = Subject{
	Name: "watermark", Accept: "image/png, image/webp, image/jpeg, application/octet-stream;q=0.9, */*;q=0.1", Smaller: "by making the picture smaller",
	URL: msg.CodeOutputOptions, Unresolved: msg.CodeWatermarkUnresolved, Unreachable: msg.CodeWatermarkUnreachable,
	Status: msg.CodeWatermarkStatus, Refused: msg.CodeWatermarkRefused, TooLarge: msg.CodeWatermarkTooLarge,
}
