package chrome

import (
	"fmt"
	"os/exec"
)

// names are what the headless shell is called by Debian and by its makers.
var names = []string{"chromium-headless-shell", "chrome-headless-shell"}

// Install says how to get what Find looks for.
const Install = "install the headless shell (Debian: apt install chromium-headless-shell) or set CHROME_PATH to a chrome-headless-shell"

// Find returns the path of the headless shell: path when it is not empty, else the first of its names that is in PATH.
func Find(path string) (string, error) {
	if path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("CHROME_PATH %q: %w; %s", path, err, Install)
		}
		return found, nil
	}
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("no Chrome: %s", Install)
}
