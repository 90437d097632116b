package sniff

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// headSize is how many bytes http.DetectContentType reads.
const headSize = 512

// Head returns the first bytes of a file.
func Head(file io.Reader) ([]byte, error) {
	head := make([]byte, headSize)
	n, err := io.ReadFull(file, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

// Mistaken returns what a file with these first bytes seems to be instead of what is wanted ("a
// video"), as the end of a sentence that starts with the file's name. It returns "" for a file that
// it does not recognize.
func Mistaken(head []byte, wanted string) string {
	kind := http.DetectContentType(head)
	switch {
	case len(head) == 0:
		return "is an empty file."
	case strings.HasPrefix(kind, "text/html"):
		return "is a web page, not " + wanted + ": its address should be that of the file itself, not of a page that shows it."
	case strings.HasPrefix(kind, "text/"):
		return "is a text file, not " + wanted + "."
	case kind == "application/zip", kind == "application/x-gzip", kind == "application/x-rar-compressed":
		return "is an archive, not " + wanted + ". Please unpack it first."
	}
	return ""
}
