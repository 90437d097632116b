// Package sniff recognizes, by the first bytes, what a customer uploaded by mistake, and describes
// it in words for the product's user.
package sniff
