package local

import "strings"

// foreign are the settings that name servers, in place of those that a Stack would run itself.
var foreign = []string{"DATABASE_URL", "NATS_URL", "S3_ENDPOINT"}

// ForeignError says that settings name servers which Options.Adopt does not let the Stack use.
type ForeignError struct {
	// Variables that are set, of foreign.
	Variables []string
}

func (e *ForeignError) Error() string {
	return "start: " + strings.Join(e.Variables, ", ") + " name servers that are not this installation's own"
}

// refuseForeign keeps a Stack from servers that it was not told to use. It would migrate a database
// and claim its jobs, answer the workers of another installation, and make buckets. A variable that
// is set for another program, in a folder's .env or in a shell, does not allow that.
func refuseForeign(opts Options) error {
	var found []string
	for _, name := range foreign {
		if opts.Environ[name] != "" {
			found = append(found, name)
		}
	}
	if len(found) == 0 || opts.Adopt {
		return nil
	}
	return &ForeignError{Variables: found}
}
