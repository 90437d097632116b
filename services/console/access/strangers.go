package access

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// strangersMost is how many unknown secrets in a row are looked up for an address.
	strangersMost = 10
	// strangersRate is how many a second are looked up after that.
	strangersRate rate.Limit = 1
	// remembered is how long after its last use a secret is known without being looked up.
	remembered = time.Hour
)

// Strangers bounds how many secrets that nobody knows are looked up for an address: each costs a
// query. Secrets that were known lately are not bound, nor is an address that has not failed:
// everybody comes from the same one where the console is behind a proxy.
//
// Its zero value is ready. It is this process's: another replica counts by itself.
type Strangers struct {
	mu sync.Mutex
	// addresses are those that have failed, and known the hashes of secrets, with their last use.
	addresses map[netip.Prefix]*rate.Limiter
	known     map[[sha256.Size]byte]time.Time
	swept     time.Time
}

// LookUp calls lookUp, which reports whether secret is known, unless the address has to wait first:
// then it returns for how long.
func (s *Strangers) LookUp(address, secret string, lookUp func() (known bool, err error)) (wait time.Duration, err error) {
	hash, from := sha256.Sum256([]byte(secret)), neighbours(address)
	paid, wait := s.begin(from, hash)
	if wait > 0 {
		return wait, nil
	}
	known, err := lookUp()
	if err == nil {
		s.end(from, hash, known, paid)
	}
	return 0, err
}

// Know remembers a secret that was just made.
func (s *Strangers) Know(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.know(sha256.Sum256([]byte(secret)), time.Now())
}

func (s *Strangers) know(hash [sha256.Size]byte, now time.Time) {
	if s.known == nil {
		s.known = map[[sha256.Size]byte]time.Time{}
	}
	s.known[hash] = now
}

// begin returns how long a look-up has to wait. An address that has failed pays for each in
// advance, so it does not help to ask many at once.
func (s *Strangers) begin(from netip.Prefix, hash [sha256.Size]byte) (paid bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.sweep(now)
	failures := s.addresses[from]
	if _, known := s.known[hash]; known || failures == nil {
		return false, 0
	}
	r := failures.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return true, wait
}

func (s *Strangers) end(from netip.Prefix, hash [sha256.Size]byte, known, paid bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if known {
		s.know(hash, now)
		return
	}
	delete(s.known, hash) // it was revoked
	if paid {
		return
	}
	if s.addresses == nil {
		s.addresses = map[netip.Prefix]*rate.Limiter{}
	}
	if s.addresses[from] == nil {
		s.addresses[from] = rate.NewLimiter(strangersRate, strangersMost)
	}
	s.addresses[from].AllowN(now, 1)
}

// sweep forgets what does not matter any more, once a second at most.
func (s *Strangers) sweep(now time.Time) {
	if now.Sub(s.swept) < time.Second {
		return
	}
	s.swept = now
	for from, failures := range s.addresses {
		if failures.TokensAt(now) >= strangersMost {
			delete(s.addresses, from)
		}
	}
	for hash, used := range s.known {
		if now.Sub(used) > remembered {
			delete(s.known, hash)
		}
	}
}

// neighbours are the addresses that count as one: with IPv6, everybody has a network of at least 64
// bits. What is no address is one by itself.
func neighbours(address string) netip.Prefix {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits) // the bits are right
	return prefix
}
