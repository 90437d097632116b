package local

import (
	"cmp"
	"os"
	"strings"
)

// loopbackAllowed is EGRESS_ALLOW's default here: pages under development are on loopback, and so
// is what `loom render` serves.
const loopbackAllowed = "127.0.0.0/8,::1"

// Unsandboxed is logged where Chrome's sandbox does not work and the settings do not turn it off.
const Unsandboxed = "Chrome runs without its sandbox, because this is root (CHROME_SANDBOX=off)"

// Alone returns the settings with which one command shows a page in this process: environ's,
// completed as those of a Stack are. Pages may reach allow in any case, in the form of
// EGRESS_ALLOW. unsandboxed: see Unsandboxed.
func Alone(environ map[string]string, allow string) (settings map[string]string, unsandboxed bool, err error) {
	settings, err = absolutePaths(environ)
	if err != nil {
		return nil, false, err
	}
	if settings == nil {
		settings = map[string]string{}
	}
	unsandboxed = settlePages(settings, allow)
	return settings, unsandboxed, nil
}

// settlePages completes the settings of what shows pages: what these may reach, and whether Chrome
// has its sandbox.
func settlePages(settings map[string]string, allow string) (unsandboxed bool) {
	settings["EGRESS_ALLOW"] = strings.Trim(cmp.Or(strings.TrimSpace(settings["EGRESS_ALLOW"]), loopbackAllowed)+","+allow, ",")
	if settings["CHROME_SANDBOX"] == "" && os.Geteuid() == 0 {
		settings["CHROME_SANDBOX"] = "off"
		return true
	}
	return false
}
