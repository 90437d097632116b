package direct

import (
	"regexp"
	"strings"

	"github.com/go-rod/rod/lib/proto"
)

var (
	chromeVersion  = regexp.MustCompile(`Chrom(?:e|ium)/(\d+)((?:\.\d+)*)`)
	edgeVersion    = regexp.MustCompile(`Edg/(\d+)((?:\.\d+)*)`)
	androidVersion = regexp.MustCompile(`Android (\d+(?:\.\d+)*)(?:; ([^;)]+))?`)
	macVersion     = regexp.MustCompile(`Mac OS X (\d+(?:[._]\d+)*)`)
)

// agentOverride is the library's, with hints that it does not know.
type agentOverride struct {
	proto.EmulationSetUserAgentOverride
	Hints *hints `json:"userAgentMetadata,omitempty"`
}

// hints are client hints about the browser.
type hints struct {
	proto.EmulationUserAgentMetadata
	// FormFactors are what the browser runs on: "Desktop", "Mobile", "Tablet".
	FormFactors []string `json:"formFactors"`
}

// platform returns what else a browser with this user agent reports: navigator.platform and, if it
// is a Chromium, client hints. Other browsers have none.
func platform(agent string) (name string, h *hints) {
	h = &hints{FormFactors: []string{"Desktop"}}
	h.Mobile = strings.Contains(agent, "Mobile")
	switch {
	case strings.Contains(agent, "iPhone"):
		name = "iPhone"
	case strings.Contains(agent, "iPad"):
		name = "iPad"
	case strings.Contains(agent, "Android"):
		name, h.Platform = "Linux armv81", "Android"
		h.FormFactors[0] = "Tablet"
		if h.Mobile {
			h.FormFactors[0] = "Mobile"
		}
		if m := androidVersion.FindStringSubmatch(agent); m != nil {
			h.PlatformVersion, h.Model = m[1], m[2]
		}
	case strings.Contains(agent, "Windows"):
		name, h.Platform, h.PlatformVersion = "Win32", "Windows", "10.0.0"
		h.Architecture, h.Bitness = "x86", "64"
	case strings.Contains(agent, "Mac OS X"):
		name, h.Platform, h.Architecture, h.Bitness = "MacIntel", "macOS", "x86", "64"
		if m := macVersion.FindStringSubmatch(agent); m != nil {
			h.PlatformVersion = strings.ReplaceAll(m[1], "_", ".")
		}
	default:
		name, h.Platform, h.Architecture, h.Bitness = "Linux x86_64", "Linux", "x86", "64"
	}
	version := chromeVersion.FindStringSubmatch(agent)
	if version == nil {
		return name, nil
	}
	add := func(brand string, m []string) {
		h.Brands = append(h.Brands, &proto.EmulationUserAgentBrandVersion{Brand: brand, Version: m[1]})
		h.FullVersionList = append(h.FullVersionList, &proto.EmulationUserAgentBrandVersion{Brand: brand, Version: m[1] + m[2]})
	}
	add("Chromium", version)
	if edge := edgeVersion.FindStringSubmatch(agent); edge != nil {
		add("Microsoft Edge", edge)
	} else {
		add("Google Chrome", version)
	}
	h.FullVersion = version[1] + version[2]
	return name, h
}
