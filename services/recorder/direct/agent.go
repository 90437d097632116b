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

// platform says what else the browser of a user agent would tell of itself: navigator.platform and, when it is a Chromium,
// client hints. Other browsers have none.
func platform(agent string) (name string, hints *proto.EmulationUserAgentMetadata) {
	hints = &proto.EmulationUserAgentMetadata{Mobile: strings.Contains(agent, "Mobile")}
	switch {
	case strings.Contains(agent, "iPhone"):
		name = "iPhone"
	case strings.Contains(agent, "iPad"):
		name = "iPad"
	case strings.Contains(agent, "Android"):
		name, hints.Platform = "Linux armv81", "Android"
		if m := androidVersion.FindStringSubmatch(agent); m != nil {
			hints.PlatformVersion, hints.Model = m[1], m[2]
		}
	case strings.Contains(agent, "Windows"):
		name, hints.Platform, hints.PlatformVersion = "Win32", "Windows", "10.0.0"
		hints.Architecture, hints.Bitness = "x86", "64"
	case strings.Contains(agent, "Mac OS X"):
		name, hints.Platform, hints.Architecture, hints.Bitness = "MacIntel", "macOS", "x86", "64"
		if m := macVersion.FindStringSubmatch(agent); m != nil {
			hints.PlatformVersion = strings.ReplaceAll(m[1], "_", ".")
		}
	default:
		name, hints.Platform, hints.Architecture, hints.Bitness = "Linux x86_64", "Linux", "x86", "64"
	}
	version := chromeVersion.FindStringSubmatch(agent)
	if version == nil {
		return name, nil
	}
	add := func(brand string, m []string) {
		hints.Brands = append(hints.Brands, &proto.EmulationUserAgentBrandVersion{Brand: brand, Version: m[1]})
		hints.FullVersionList = append(hints.FullVersionList, &proto.EmulationUserAgentBrandVersion{Brand: brand, Version: m[1] + m[2]})
	}
	add("Chromium", version)
	if edge := edgeVersion.FindStringSubmatch(agent); edge != nil {
		add("Microsoft Edge", edge)
	} else {
		add("Google Chrome", version)
	}
	hints.FullVersion = version[1] + version[2]
	return name, hints
}
