package console

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks of those who are believed when they say where a request came from.
type proxies []netip.Prefix

// readProxies reads addresses and CIDR prefixes, divided by commas.
func readProxies(text string) (list proxies, err error) {
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		if addr, err := netip.ParseAddr(entry); err == nil {
			addr = addr.Unmap().WithZone("")
			list = append(list, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			return nil, fmt.Errorf("%q is no address and no CIDR prefix", entry)
		}
		list = append(list, prefix.Masked())
	}
	return list, nil
}

func (p proxies) has(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// behind serves each request as if it came from where the proxies say. That is the last address of
// X-Forwarded-For that is no proxy's: what stands before it, anybody may have written.
func (p proxies) behind(next http.Handler) http.Handler {
	if len(p) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, ok := addressOf(r.RemoteAddr)
		said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for ok && p.has(from) && len(said) > 0 {
			var before netip.Addr
			if before, ok = addressOf(strings.TrimSpace(said[len(said)-1])); ok {
				from, said = before, said[:len(said)-1]
			}
		}
		if from.IsValid() {
			r.RemoteAddr = netip.AddrPortFrom(from, 0).String()
		}
		next.ServeHTTP(w, r)
	})
}

// addressOf reads an address, which some proxies write with a port.
func addressOf(text string) (addr netip.Addr, ok bool) {
	if with, err := netip.ParseAddrPort(text); err == nil {
		addr = with.Addr()
	} else if addr, err = netip.ParseAddr(strings.Trim(text, "[]")); err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}
