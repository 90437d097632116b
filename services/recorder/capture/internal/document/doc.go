// Package document tracks a page's main document: its address and response, how far it has loaded,
// and how many documents came before it.
package document
