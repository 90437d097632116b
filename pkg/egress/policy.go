package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ErrRefused says that the policy does not let an address be reached.
var ErrRefused = errors.New("address is not public and not allowed by EGRESS_ALLOW")

// Policy decides which addresses may be reached: public ones, and those on the allow list. The zero
// Policy allows public addresses only.
type Policy struct {
	rules []rule
	// resolver looks names up; nil is the system's.
	resolver *net.Resolver
}

// rule allows hosts by name, or addresses by prefix, on one port or (0) on all.
type rule struct {
	host   string
	prefix netip.Prefix
	port   uint16
}

// Parse reads an allow list: host names, IP addresses and CIDR prefixes, separated by commas or
// spaces. A host or an address may name a port (intranet.example:8080, [fd00::1]:8080) and then
// allows that one only. A host name allows whatever it resolves to; it does not allow its
// subdomains.
func Parse(allow string) (Policy, error) {
	var p Policy
	for _, entry := range strings.FieldsFunc(allow, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		r, err := parseRule(entry)
		if err != nil {
			return Policy{}, err
		}
		p.rules = append(p.rules, r)
	}
	return p, nil
}

func parseRule(entry string) (rule, error) {
	if prefix, err := netip.ParsePrefix(entry); err == nil {
		return rule{prefix: prefix.Masked()}, nil
	}
	host, port := entry, uint16(0)
	if addr, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		return rule{prefix: netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())}, nil
	}
	if h, p, err := net.SplitHostPort(entry); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return rule{}, fmt.Errorf("%q: the port is not a number from 1 to 65535", entry)
		}
		host, port = h, uint16(n)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return rule{prefix: netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), port: port}, nil
	}
	if host == "" || strings.ContainsAny(host, "/:@*?#[]") {
		return rule{}, fmt.Errorf("%q is not a host name, an IP address or a CIDR prefix", entry)
	}
	return rule{host: canonicalHost(host), port: port}, nil
}

// canonicalHost makes names comparable.
func canonicalHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// allowsHost reports whether a host name may be reached whatever it resolves to.
func (p Policy) allowsHost(host string, port uint16) bool {
	host = canonicalHost(host)
	for _, r := range p.rules {
		if r.host == host && r.host != "" && (r.port == 0 || r.port == port) {
			return true
		}
	}
	return false
}

// Check returns nil when the address may be reached, and an error that wraps ErrRefused when not. A
// public address that is this machine's own may not.
func (p Policy) Check(to netip.AddrPort) error {
	addr := to.Addr().Unmap().WithZone("")
	for _, r := range p.rules {
		if r.prefix.IsValid() && r.prefix.Contains(addr) && (r.port == 0 || r.port == to.Port()) {
			return nil
		}
	}
	if !public(addr) {
		return fmt.Errorf("%s: %w", addr, ErrRefused)
	}
	if own(addr) {
		return fmt.Errorf("%s: %w", addr, errOwn)
	}
	return nil
}

// errOwn is ErrRefused for a public address of this machine. The kernel routes it over loopback,
// past every firewall, to services that only a firewall keeps from the internet.
var errOwn = refusal("address is this machine's own and not allowed by EGRESS_ALLOW")

// own reports whether addr is an address of this machine. It is true when that is unknown.
func own(addr netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().WithZone("") == addr
	})
}

// blocked are the addresses that are not of the public internet (IANA's special-purpose
// registries), and those that carry another address within them, which a gateway might unwrap.
var blocked = prefixes(
	// IPv4
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // carrier-grade NAT, and a cloud's metadata (100.100.100.200)
	"127.0.0.0/8",      // loopback
	"169.254.0.0/16",   // link-local, and the metadata services
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments, and a cloud's metadata (192.0.0.192)
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, and broadcast
	"168.63.129.16/32", // a cloud's host, on a public address
	// IPv6
	"::/96",           // unspecified, loopback, IPv4-compatible
	"::ffff:0:0:0/96", // IPv4-translated
	"64:ff9b::/96",    // NAT64
	"64:ff9b:1::/48",  // NAT64 of one's own
	"100::/64",        // discard
	"2001::/23",       // protocol assignments: Teredo, ORCHID, …
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4
	"3fff::/20",       // documentation
	"5f00::/16",       // segment routing
	"fc00::/7",        // private, and a cloud's metadata (fd00:ec2::254)
	"fe80::/10",       // link-local
	"fec0::/10",       // site-local
	"ff00::/8",        // multicast
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// public reports whether addr, which is no IPv4-mapped one, is an address of the public internet.
func public(addr netip.Addr) bool {
	if !addr.IsValid() || (addr.Is6() && !netip.MustParsePrefix("2000::/3").Contains(addr)) {
		return false // only 2000::/3 is given out to anybody
	}
	for _, prefix := range blocked {
		if prefix.Contains(addr) {
			return false
		}
	}
	return true
}
