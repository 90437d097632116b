// Package redact takes out of texts, errors and URLs what may give access: passwords, the queries
// of URLs and signatures. No secret and no signed URL reaches a log, an error or a row.
package redact
