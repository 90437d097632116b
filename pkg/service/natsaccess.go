package service

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// NATSAccess is as whom a service connects to NATS, and how it knows the server. The variables are
// those of the `nats` command line. All are files, and are read again at each connect, so a key or
// a certificate can be replaced without a restart.
type NATSAccess struct {
	// NKey holds the seed of an nkey, as `loom nats-config` writes it.
	NKey string `env:"NATS_NKEY" wants:"a file that holds the seed of a user's nkey"`
	// Creds holds a JWT and the seed of its nkey, as nsc writes them.
	Creds string `env:"NATS_CREDS" wants:"a file of credentials as nsc writes it, and not set beside NATS_NKEY"`
	// CA holds the certificates, in PEM, of those who may have signed the server's. It requires
	// TLS. Default: the system's, for servers whose URL begins with tls://.
	CA string `env:"NATS_CA" wants:"a file of certificates in PEM"`
	// Cert and Key hold the client's certificate and its key, in PEM, for servers that ask for one.
	Cert string `env:"NATS_CERT" wants:"a file with a certificate in PEM, and NATS_KEY the file of its key"`
	Key  string `env:"NATS_KEY"`
}

// NATSVariables are the variables of NATSAccess.
var NATSVariables = []string{"NATS_NKEY", "NATS_CREDS", "NATS_CA", "NATS_CERT", "NATS_KEY"}

// NATSOptions returns the options of a connection by the variables of NATSAccess in environ.
func NATSOptions(environ map[string]string) ([]nats.Option, error) {
	return NATSAccess{
		NKey: environ["NATS_NKEY"], Creds: environ["NATS_CREDS"],
		CA: environ["NATS_CA"], Cert: environ["NATS_CERT"], Key: environ["NATS_KEY"],
	}.Options()
}

// Check calls add with each variable whose file is not what it must be.
func (a NATSAccess) Check(add func(variable, wants string)) {
	wants := map[string]string{}
	for _, f := range fieldsOf(reflect.ValueOf(&a).Elem()) {
		wants[f.key] = f.wants()
	}
	for _, c := range a.checks() {
		if c.err != nil {
			add(c.variable, wants[c.variable])
		}
	}
}

// Options returns the options of a connection. Its error names the variable that is wrong.
func (a NATSAccess) Options() ([]nats.Option, error) {
	for _, c := range a.checks() {
		if c.err != nil {
			return nil, fmt.Errorf("%s: %w", c.variable, c.err)
		}
	}
	var options []nats.Option
	if a.NKey != "" {
		option, err := nats.NkeyOptionFromSeed(a.NKey)
		if err != nil {
			return nil, fmt.Errorf("NATS_NKEY: %w", err)
		}
		options = append(options, option)
	}
	if a.Creds != "" {
		options = append(options, nats.UserCredentials(a.Creds))
	}
	if a.CA != "" {
		options = append(options, nats.RootCAs(a.CA))
	}
	if a.Cert != "" {
		options = append(options, nats.ClientCert(a.Cert, a.Key))
	}
	return options, nil
}

type accessCheck struct {
	variable string
	err      error
}

func (a NATSAccess) checks() []accessCheck {
	var list []accessCheck
	look := func(variable, value string, look func() error) {
		if value != "" {
			list = append(list, accessCheck{variable, look()})
		}
	}
	var unused nats.Options
	look("NATS_NKEY", a.NKey, func() error {
		_, err := nats.NkeyOptionFromSeed(a.NKey)
		return err
	})
	look("NATS_CREDS", a.Creds, func() error {
		if a.NKey != "" {
			return errors.New("NATS_NKEY is set too")
		}
		text, err := os.ReadFile(a.Creds)
		if err != nil {
			return err
		}
		pair, err := nkeys.ParseDecoratedUserNKey(text)
		if err == nil {
			pair.Wipe()
			_, err = nkeys.ParseDecoratedJWT(text)
		}
		return err
	})
	look("NATS_CA", a.CA, func() error { return nats.RootCAs(a.CA)(&unused) })
	look("NATS_CERT", a.Cert+a.Key, func() error { return nats.ClientCert(a.Cert, a.Key)(&unused) })
	return list
}
