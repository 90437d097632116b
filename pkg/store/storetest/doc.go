// Package storetest gives tests a real S3 server, versitygw, at the version that e2e/go.mod pins.
//
// One server serves a test process: the first test that asks starts it (and builds it, where Go's
// build cache does not hold it yet), and it ends, and its data with it, when the process does,
// however that ends.
package storetest
