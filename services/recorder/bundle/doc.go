// Package bundle keeps what helps to find out why a scene could not be recorded, and writes it to a
// file if it was not.
//
//	last.jpg       the last picture that was delivered or, without one, the page when it failed
//	console.txt    what the page and the browser wrote to its console
//	network.har    requests and answers as HAR 1.2, without headers, cookies and bodies
//	report.json    the failure, the scene's parameters, versions, times
//
// It guarantees that a bundle is small however much a page writes or asks for: the first and the
// last of it are kept, the middle is counted. No text of it has a URL's user, query or fragment,
// nor a value that the scene's options hold as a secret, even where the page repeats it. The
// picture shows what the video would have shown.
//
// It only listens to Chrome's events, and runs nothing in the page.
package bundle
