package output

// Share is a web page for one video, beside it in its bucket.
type Share struct {
	// Title is the page's, Description the text below it and in previews of links. Default: none.
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
}
