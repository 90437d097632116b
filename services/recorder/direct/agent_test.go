package direct

import "testing"

func TestWhatABrowserTellsOfItselfFitsItsUserAgent(t *testing.T) {
	for agent, want := range map[string]struct {
		name, platform, version, model, brand string
		mobile, hints                         bool
	}{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.7339.5 Safari/537.36 Edg/140.0.3485.1": {
			name: "Win32", platform: "Windows", version: "10.0.0", brand: "Microsoft Edge/140.0.3485.1", hints: true},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36": {
			name: "MacIntel", platform: "macOS", version: "10.15.7", brand: "Google Chrome/140.0.0.0", hints: true},
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36": {
			name: "Linux armv81", platform: "Android", version: "15", model: "Pixel 9", brand: "Google Chrome/140.0.0.0", mobile: true, hints: true},
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36": {
			name: "Linux x86_64", platform: "Linux", brand: "Google Chrome/140.0.0.0", hints: true},
		"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": {name: "iPad"},
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                         {name: "Linux x86_64"},
		"curl/8.0": {name: "Linux x86_64"},
	} {
		name, hints := platform(agent)
		if name != want.name || (hints != nil) != want.hints {
			t.Errorf("%s: %s, hints %+v", agent, name, hints)
			continue
		}
		if !want.hints {
			continue
		}
		second := hints.FullVersionList[1]
		if hints.Platform != want.platform || hints.PlatformVersion != want.version || hints.Model != want.model ||
			hints.Mobile != want.mobile || second.Brand+"/"+second.Version != want.brand {
			t.Errorf("%s: hints %+v, %+v", agent, hints, second)
		}
	}
}

func TestAPageIsAskedForInALocaleAndItsLanguage(t *testing.T) {
	for locale, want := range map[string]string{"de-AT": "de-AT,de", "fr": "fr", "zh-Hant-TW": "zh-Hant-TW,zh", "PT-br": "PT-br,pt", "x-own": "x-own"} {
		if got := languages(locale); got != want {
			t.Errorf("%s: %s, want %s", locale, got, want)
		}
	}
}
