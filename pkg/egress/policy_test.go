package egress

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func mustParse(t *testing.T, allow string) Policy {
	t.Helper()
	p, err := Parse(allow)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOnlyPublicAddressesMayBeReached(t *testing.T) {
	for address, public := range map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "93.184.216.34": true, "172.15.255.255": true, "172.32.0.0": true,
		"100.63.255.255": true, "100.128.0.0": true, "2606:4700::1111": true, "2a00:1450:4001::200e": true,
		"::ffff:1.1.1.1": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "100.100.100.200": false,
		"127.0.0.1": false, "127.255.255.254": false, "169.254.169.254": false, "169.254.170.2": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.0.0.192": false, "192.168.0.1": false,
		"198.18.0.1": false, "224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false,
		"168.63.129.16": false, "192.88.99.1": false,
		"::": false, "::1": false, "::127.0.0.1": false, "fc00::1": false, "fd00:ec2::254": false, "fe80::1": false,
		"fe80::1%eth0": false, "fec0::1": false, "ff02::1": false, "2001:db8::1": false,
		// The same addresses in other clothes.
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:10.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1": false,
		"2002:7f00:1::": false, "2002:a9fe:a9fe::1": false, "2001:0:7f00:1::": false, "::ffff:0:7f00:1": false,
		"4000::1": false,
	} {
		err := Policy{}.Check(netip.AddrPortFrom(netip.MustParseAddr(address), 80))
		if public != (err == nil) || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, public is %v", address, err, public)
		}
	}
}

// A machine's public address leads to the same services as loopback does.
func TestThisMachineIsNotPublic(t *testing.T) {
	all, err := net.InterfaceAddrs()
	if err != nil || len(all) == 0 {
		t.Fatalf("this machine's addresses are %v, %v", all, err)
	}
	for _, a := range all {
		addr := netip.MustParsePrefix(a.String()).Addr()
		if !own(addr.WithZone("")) {
			t.Errorf("%s is not known for this machine's own", addr)
		}
		err := Policy{}.Check(netip.AddrPortFrom(addr, 80))
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", addr, err)
		}
		if err := mustParse(t, addr.WithZone("").String()).Check(netip.AddrPortFrom(addr, 80)); err != nil {
			t.Errorf("%s is refused although it is allowed: %v", addr, err)
		}
	}
	if own(netip.MustParseAddr("1.1.1.1")) {
		t.Error("1.1.1.1 is taken for this machine's own")
	}
}

func TestAllowList(t *testing.T) {
	p := mustParse(t, "10.1.0.0/16, 192.168.1.7 127.0.0.1:8080,[fd00::1]:443,fd00:2::/32,::1")
	for to, allowed := range map[string]bool{
		"10.1.2.3:80": true, "10.2.0.1:80": false, "192.168.1.7:9999": true, "192.168.1.8:80": false,
		"127.0.0.1:8080": true, "127.0.0.1:80": false, "[::ffff:127.0.0.1]:8080": true, "[::ffff:127.0.0.1]:81": false,
		"[fd00::1]:443": true, "[fd00::1]:80": false, "[fd00:2::9]:1": true, "[::1]:1": true,
	} {
		if err := p.Check(netip.MustParseAddrPort(to)); allowed != (err == nil) {
			t.Errorf("%s: %v, allowed is %v", to, err, allowed)
		}
	}
	p = mustParse(t, "Intranet.Example,other.example:8080")
	for _, test := range []struct {
		host    string
		port    uint16
		allowed bool
	}{
		{"intranet.example", 80, true}, {"INTRANET.example.", 443, true}, {"sub.intranet.example", 80, false},
		{"other.example", 8080, true}, {"other.example", 80, false}, {"", 80, false},
	} {
		if got := p.allowsHost(test.host, test.port); got != test.allowed {
			t.Errorf("%s:%d: allowed is %v", test.host, test.port, got)
		}
	}
}

func TestAnAllowListThatIsNoneIsRefused(t *testing.T) {
	for _, allow := range []string{"http://host/", "host/path", "*.example", "10.0.0.0/33", "host:0", "host:99999", "user@host", ":80"} {
		if _, err := Parse(allow); err == nil {
			t.Errorf("%q was accepted", allow)
		}
	}
	for _, allow := range []string{"", " , ", "host", "host,"} {
		if _, err := Parse(allow); err != nil {
			t.Errorf("%q was refused: %v", allow, err)
		}
	}
}

// Parse accepts anything or returns an error, and what it accepts allows nothing public addresses
// do not need.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "host:80", "[::1]:80", "10.0.0.0/8 a,b", "::ffff:1.2.3.4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, allow string) {
		p, err := Parse(allow)
		if err != nil {
			return
		}
		if err := p.Check(netip.MustParseAddrPort("1.1.1.1:443")); err != nil {
			t.Errorf("%q refuses a public address: %v", allow, err)
		}
	})
}
