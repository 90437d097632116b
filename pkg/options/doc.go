// Package options reads what users may ask of a video, its scenes and its facecam, and checks it:
// the JSON of campaigns.output_options, scenes.options and campaigns.facecam_options, the same as
// in a campaign file.
//
// The options themselves are data, in pkg/output, pkg/scene and pkg/facecam, each with a JSON
// Schema that describes them. This package checks against the schemas, and what no schema can say:
// limits that depend on one another, names that must exist, what fits into the video.
//
// Only ingest and the command line read options. Workers get them checked, in a grant, and import
// neither this package nor what it needs: a JSON Schema compiler, languages and time zones.
package options
