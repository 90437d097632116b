// Package campaign reads campaign files: what `loom render` is given.
//
// A file is YAML (so JSON too) and is checked against campaign.schema.json, which editors can use
// as well. What is wrong is told by line and field, all of it at once, with what to write instead.
// Nothing is fetched: whether a page answers, only its recording shows.
package campaign
