package redact

import "regexp"

var (
	// anyURL is a URL, up to the next space.
	anyURL = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://\S*`)
	// userinfo is the user and password of a URL. The last @ ends them.
	userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s"'<>]*@`)
	// httpQuery is the query of an http or https URL, and what follows it.
	httpQuery = regexp.MustCompile(`(https?://[^\s"'<>?]*)\?[^\s"'<>]*`)
	// anyQuery is the query or fragment of any URL.
	anyQuery = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>?#]*)[?#][^\s"'<>]*`)
	// parameter is what looks like a query without a URL before it.
	parameter = regexp.MustCompile(`([?#&])[^\s"'<>?#&=…]*=[^\s"'<>]*`)
	// data is the content of a data: URL.
	data = regexp.MustCompile(`(data:[a-zA-Z0-9.+/-]*)[;,][^\s"'<>)]*`)
	// signature is a parameter of a presigned URL.
	signature = regexp.MustCompile(`(?i)(X-Amz-[A-Za-z-]+)(=|%3D)[^&\s"'<>]*`)
)

// Text returns the text of an error or a log line without the users and queries of URLs, and
// without signatures.
func Text(text string) string {
	text = userinfo.ReplaceAllString(text, "$1")
	text = httpQuery.ReplaceAllString(text, "$1?…")
	return Signatures(text)
}

// Signatures returns text without the parameters of presigned URLs. It is for messages to the
// product's user, whose own URLs may have a query that tells two scenes apart.
func Signatures(text string) string { return signature.ReplaceAllString(text, "$1=…") }

// Foreign returns a text of somebody else's page without what Text removes, and without queries and
// fragments of any kind and the contents of data: URLs.
func Foreign(text string) string {
	text = userinfo.ReplaceAllString(text, "$1")
	text = anyQuery.ReplaceAllString(text, "$1?…")
	text = parameter.ReplaceAllString(text, "$1…")
	return data.ReplaceAllString(text, "$1,…")
}

// URLs returns text with the word URL in place of each URL.
func URLs(text string) string { return anyURL.ReplaceAllString(text, "URL") }
