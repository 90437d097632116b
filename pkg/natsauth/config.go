package natsauth

import (
	"fmt"
	"strings"
)

// Account is what an installation's account is called, unless its operator calls it otherwise.
const Account = "LOOM"

// Config returns the account as nats-server reads it, to be included in its accounts block. keys
// are the public nkeys of the users, by name. A user without one is left out.
func Config(account string, keys map[string]string) string {
	var b strings.Builder
	b.WriteString(head)
	fmt.Fprintf(&b, "%s {\n  jetstream: enabled\n  users = [\n", account)
	for _, u := range Users() {
		key, there := keys[u.Name]
		if !there {
			continue
		}
		fmt.Fprintf(&b, "    {\n      # %s\n      nkey: %s\n      permissions: {\n", u.Name, key)
		fmt.Fprintf(&b, "        publish: {\n%s        }\n", list("allow", u.Publish))
		fmt.Fprintf(&b, "        subscribe: {\n%s%s        }\n", list("allow", u.Subscribe), list("deny", u.Unseen))
		if u.Answers {
			b.WriteString("        allow_responses: true\n")
		}
		b.WriteString("      }\n    }\n")
	}
	b.WriteString("  ]\n}\n")
	return b.String()
}

const head = `# The account of loom-lite. "loom nats-config" writes this file, and again after an upgrade:
# change nothing here. It holds public keys only. Include it in the server's configuration:
#
#   accounts {
#     include loom-account.conf
#   }
#
# docs/how-to/secure-nats.md goes through it.
`

func list(name string, subjects []string) string {
	if len(subjects) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "          %s: [\n", name)
	for _, s := range subjects {
		fmt.Fprintf(&b, "            %q\n", s)
	}
	b.WriteString("          ]\n")
	return b.String()
}
