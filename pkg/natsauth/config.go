package natsauth

import (
	"fmt"
	"strings"
)

// Account is what an installation's main account is called, unless its operator calls it otherwise.
// The names of the workers' accounts begin with it.
const Account = "LOOM"

// accountOf returns the account of a user, in an installation whose main account is main.
func accountOf(main string, u User) string {
	if len(u.Imports) == 0 {
		return main
	}
	return main + "_" + strings.ToUpper(u.Name)
}

// Config returns the accounts as nats-server reads them, to be included in its accounts block. keys
// are the public nkeys of the users, by name. A user without one is left out.
func Config(account string, keys map[string]string) string {
	var b strings.Builder
	b.WriteString(head)
	var members, exports, imports strings.Builder
	for _, u := range Users() {
		own := accountOf(account, u)
		if own == account {
			writeUser(&members, u, keys)
			continue
		}
		for _, i := range u.Imports {
			fmt.Fprintf(&exports, "    { %s: %q%s, accounts: [%s] }\n", i.verb(), i.Subject, several(i.Many), own)
		}
		for _, subject := range u.Found {
			fmt.Fprintf(&imports, "    { service: { account: %s, subject: %q } }\n", own, subject)
		}
	}
	fmt.Fprintf(&b, "%s {\n  jetstream: enabled\n  users = [\n%s  ]\n  exports = [\n%s  ]\n  imports = [\n%s  ]\n}\n",
		account, &members, &exports, &imports)
	for _, u := range Users() {
		if own := accountOf(account, u); own != account {
			writeApart(&b, account, own, u, keys)
		}
	}
	return b.String()
}

// writeApart writes the account of a user that has one of its own.
func writeApart(b *strings.Builder, account, own string, u User, keys map[string]string) {
	fmt.Fprintf(b, "%s {\n  users = [\n", own)
	writeUser(b, u, keys)
	b.WriteString("  ]\n  exports = [\n")
	for _, subject := range u.Found {
		fmt.Fprintf(b, "    { service: %q%s, accounts: [%s] }\n", subject, several(true), account)
	}
	b.WriteString("  ]\n  imports = [\n")
	for _, i := range u.Imports {
		fmt.Fprintf(b, "    { %s: { account: %s, subject: %q } }\n", i.verb(), account, i.Subject)
	}
	b.WriteString("  ]\n}\n")
}

func writeUser(b *strings.Builder, u User, keys map[string]string) {
	key, there := keys[u.Name]
	if !there {
		return
	}
	fmt.Fprintf(b, "    {\n      # %s\n      nkey: %s\n      permissions: {\n", u.Name, key)
	fmt.Fprintf(b, "        publish: {\n%s        }\n", list("allow", u.Publish))
	fmt.Fprintf(b, "        subscribe: {\n%s%s        }\n", list("allow", u.Subscribe), list("deny", u.Unseen))
	if u.Answers {
		b.WriteString("        allow_responses: true\n")
	}
	b.WriteString("      }\n    }\n")
}

func (i Import) verb() string {
	if i.Stream {
		return "stream"
	}
	return "service"
}

func several(many bool) string {
	if many {
		return ", response_type: stream"
	}
	return ""
}

const head = `# The accounts of loom-lite. "loom nats-config" writes this file, and again after an upgrade:
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
