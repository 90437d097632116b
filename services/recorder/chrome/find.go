package chrome

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// names are what the headless shell is called by Debian and by its makers and, after those, a whole
// Chrome.
var names = []string{
	"chromium-headless-shell", "chrome-headless-shell",
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
}

// Install says how to get what Find looks for.
const Install = "install the headless shell (Debian: apt install chromium-headless-shell) or set CHROME_PATH to a chrome-headless-shell"

// Find returns the absolute path of a Chrome: of path when that is not empty, else of the headless
// shell in PATH, else of a whole Chrome there, which has no frames on demand.
func Find(path string) (string, error) {
	if path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("CHROME_PATH %q: %w; %s", path, err, Install)
		}
		return absolute(found)
	}
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			return absolute(found)
		}
	}
	return "", fmt.Errorf("no Chrome: %s", Install)
}

// absolute returns an absolute path: Chrome is started in a folder of its own.
func absolute(path string) (string, error) {
	found, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find Chrome: %w", err)
	}
	return found, nil
}
