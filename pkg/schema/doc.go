// Package schema checks documents against a JSON Schema, and says what is wrong in words: where it
// is, and what to write instead, which comes from the schema's descriptions and examples.
//
// What it says never quotes a text of the document, which may be a secret: it names fields, numbers
// and lengths.
package schema
