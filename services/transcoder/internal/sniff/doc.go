// Package sniff tells from its first bytes what a customer's file seems to be that is not what it
// should be, in words for the product's user.
package sniff
