package schedule

import "slices"

// hosts keeps the pages of one host that are recorded at once, over all recorders, to a number. It
// counts those that are being recorded and those that are offered. Each replica knows its own
// offers only: a grant that would be one too many is refused (loom.host_admits).
type hosts struct {
	most  int // 0: any number
	pages map[string]int
}

// full reports whether no more pages of a host may be offered. A task that records no page is of
// the host "".
func (h hosts) full(host string) bool { return h.most > 0 && host != "" && h.pages[host] >= h.most }

// list returns the hosts that are full.
func (h hosts) list() []string {
	list := []string{}
	for host := range h.pages {
		if h.full(host) {
			list = append(list, host)
		}
	}
	slices.Sort(list)
	return list
}

// add counts a page.
func (h hosts) add(host string) {
	if h.most > 0 && host != "" {
		h.pages[host]++
	}
}
