// Package campaign reads campaign files: what `loom render` is given.
//
// A file is YAML (so JSON too) and is checked against campaign.schema.json, which editors can use
// as well. Errors name line and field, and what to write instead. All are reported at once.
// Nothing is fetched: whether a page answers, only its recording shows.
package campaign
