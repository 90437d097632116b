// Package egress decides which addresses a customer's URL may reach.
//
// Pages, facecams and watermarks come from customers. Their URLs, redirects, and the requests that
// a page makes may point anywhere: at a cloud's metadata service, at a database on the same
// network, at another service on this machine. A Policy allows public addresses, and those that the
// operator lists in EGRESS_ALLOW.
//
// It guarantees that the address checked is the address connected to. The check runs on the socket,
// after the name was resolved, so DNS rebinding does not get around it. Client returns an
// http.Client that obeys the policy. Proxy makes another program obey it, such as a browser.
package egress
