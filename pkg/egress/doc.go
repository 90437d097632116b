// Package egress decides which addresses a stranger's URL may make us connect to.
//
// Pages, facecams and watermarks come from customers, so their URLs, what those redirect to, and
// every request that a page makes may point anywhere: at a cloud's metadata service, at a database
// on the same network, at another service on this machine. A Policy lets through public addresses
// and what the operator allowed by EGRESS_ALLOW.
//
// It guarantees that the address checked is the address connected to: the check runs on the socket,
// after the name was looked up, so a name that resolves to something else the second time gains
// nothing. Client gives an http.Client that is bound by it; Proxy binds another program's traffic,
// such as a browser's.
package egress
