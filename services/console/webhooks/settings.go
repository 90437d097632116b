package webhooks

import "time"

// Settings say how webhooks are delivered.
type Settings struct {
	// EgressAllow are the addresses that endpoints may have although they are not public.
	EgressAllow string `env:"EGRESS_ALLOW" wants:"a list of host names, IP addresses (each with :port if only that is meant) and CIDR prefixes, divided by commas"`
	// Key seals the secrets of endpoints in the database. Several are divided by commas: the first
	// one seals. Empty: they are stored as they are.
	Key string `env:"WEBHOOK_KEY" wants:"the base64 of 32 bytes, or several of them, divided by commas"`
	// Keep is how long events and their deliveries are kept. It is longer than retries go on.
	Keep time.Duration `env:"WEBHOOK_RETENTION" envDefault:"720h" min:"96h"`
}
