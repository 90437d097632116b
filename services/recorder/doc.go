// Package recorder is loom-lite's recorder service: it records a scene's page with Chrome into a
// mezzanine.
//
// It works on tasks of kind record. For each it starts a Chrome of its own, behind a proxy of its
// own through which the page reaches public addresses only, captures the page frame by frame on a
// virtual clock (package capture), writes the pictures to a mezzanine (package mezzanine) and
// stores that. It holds no credentials of the database or the object store, because it runs
// strangers' pages: URLs in, URLs out.
package recorder
