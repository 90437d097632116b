// Package access says who does something with an installation, and what they may do.
//
// Whoever comes through the API, the dashboard or the command line is a Principal, which travels in
// the context. A Principal has one of three scopes, each of which includes the one before it:
//
//	read   see campaigns, renders and what the installation does
//	write  also submit, cancel and retry renders, edit campaigns, pause stages, settle letters
//	admin  also make and revoke tokens, and read the audit log
//
// A Principal with a User sees and changes the campaigns of that user and what hangs on them, and
// nothing of the installation. To it, what is others' is not there.
//
// Programs are known by bearer tokens: package tokens.
package access
