package plan

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/budget"
)

// trimmed removes the spaces around an address that was pasted.
func trimmed(address string) string { return strings.TrimSpace(address) }

// hostOf returns the host of a page's address, in lower case and without its port.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// urlProblem returns what is wrong with an address, as the rest of a sentence that begins with "The
// address", or an empty text. It never quotes the address, which may hold a token.
func urlProblem(address string) string {
	switch {
	case address == "":
		return "is missing. It must start with http:// or https://"
	case len(address) > budget.URL:
		return fmt.Sprintf("is too long: it may have at most %d characters", budget.URL)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "is not a valid web address. It should look like https://www.example.com/page"
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "must start with http:// or https://"
	case u.Hostname() == "" || strings.ContainsAny(u.Host, " \t\\"):
		return "names no website. It should look like https://www.example.com/page"
	case u.User != nil:
		return "must not contain a user name or a password"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "has a port that does not exist"
		}
	}
	return ""
}
