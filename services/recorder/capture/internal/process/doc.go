// Package process keeps a page's clock where another process of Chrome shows its next document.
//
// A document that isolates itself (Cross-Origin-Opener-Policy) gets a process of its own, as does
// the one after it. Virtual time in that process begins at a moment of the machine's clock that
// nobody can choose, while the time of the document would count from a moment of the process
// before. So its response is held, and an empty placeholder with the same isolation is served
// instead:
//
//	response of another isolation ──▶ held; placeholder served ──▶ placeholder shown
//	                                                                   │ by the new process,
//	                                                                   ▼ by which the clock is set
//	document shown ◀── held response served ◀── document requested by the placeholder
//
// The server is asked once.
package process
