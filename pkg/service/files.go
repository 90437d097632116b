package service

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/telemetry"
)

// Secrets are the variables whose values may be in a file: NAME_FILE names it. So a secret that is
// mounted as a file needs to be in no environment, which is inherited and shown.
var Secrets = []string{
	"DATABASE_URL", "DATABASE_PASSWORD", "NATS_URL", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "WEBHOOK_KEY", "ALERT_URL", "ALERT_SECRET",
	telemetry.Headers,
}

// maxSecret bounds the size of a secret's file, in bytes.
const maxSecret = 64 << 10

// FromFiles returns environ with the values of the files that its variables name, and without those
// variables. Line breaks at the end of a file do not count. Its error is an ErrConfig that names
// every variable that is wrong, and quotes no file.
func FromFiles(environ map[string]string) (map[string]string, error) {
	var problems Problems
	read := maps.Clone(environ)
	for _, name := range Secrets {
		variable := name + "_FILE"
		path := strings.TrimSpace(environ[variable])
		delete(read, variable)
		if path == "" {
			continue
		}
		if strings.TrimSpace(environ[name]) != "" {
			problems.Add(variable, "left out where "+name+" is set")
			continue
		}
		value, err := readSecret(path)
		if err != nil {
			problems.Add(variable, "a file with the value of "+name+", which this user may read")
			continue
		}
		read[name] = value
	}
	return read, problems.Err()
}

func readSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return "", err
	}
	value := strings.TrimRight(string(data), "\r\n")
	switch {
	case len(data) > maxSecret:
		return "", fmt.Errorf("it has more than %d bytes", maxSecret)
	case strings.TrimSpace(value) == "":
		return "", errors.New("it is empty")
	}
	return value, nil
}
