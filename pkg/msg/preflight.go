package msg

import "github.com/loom-lite/loom-lite/pkg/scene"

// PreflightParams says which page to open once. Output: Picture, unless the page shows nothing.
// Facts: PreflightFacts.
type PreflightParams struct {
	// Scene is the scene's ordinal in the video, from 1; messages for users name it.
	Scene int `json:"scene"`
	// URL is the page's, http or https. A stranger's.
	URL string `json:"url"`
	// Width and Height are the picture's size in pixels, as in RecordParams.
	Width  int `json:"width"`
	Height int `json:"height"`
	// Options are what the product's user asked of the scene.
	Options scene.Options `json:"options,omitzero"`
}

// Class says what was found in a page's place. Classes are stable, like codes.
type Class string

// Classes of pages, the gravest first. A page has the first that is true of it.
const (
	// ClassError: the page cannot be recorded.
	ClassError Class = "error"
	// ClassBotWall: a check for robots, or a bot protection's refusal, is in the page's place.
	ClassBotWall Class = "bot_wall"
	// ClassLogin: a login is in the page's place.
	ClassLogin Class = "login"
	// ClassBlank: the page shows one colour, or nothing but something small without words.
	ClassBlank Class = "blank"
	// ClassConsentWall: a banner that asks for consent covers a part of the page.
	ClassConsentWall Class = "consent_wall"
	// ClassMissingFonts: text is drawn as boxes, since the recorder has no font for it.
	ClassMissingFonts Class = "missing_fonts"
	// ClassRedirect: the URL leads to another page.
	ClassRedirect Class = "redirect"
	// ClassSlow: the page takes long to load.
	ClassSlow Class = "slow"
	// ClassOK: nothing was found.
	ClassOK Class = "ok"
)

// Classes lists all classes, the gravest first.
var Classes = []Class{
	ClassError, ClassBotWall, ClassLogin, ClassBlank, ClassConsentWall, ClassMissingFonts, ClassRedirect, ClassSlow, ClassOK,
}

// PreflightFacts is what opening a page once came to.
type PreflightFacts struct {
	// Findings are what was found, the gravest first; at least one.
	Findings []Finding `json:"findings"`
	// Fails says that a render with this scene would fail.
	Fails bool `json:"fails"`
	// Address is where the URL led, without its query; empty if it led nowhere.
	Address string `json:"address,omitempty"`
	// Status is the HTTP status of the page's answer; 0 without one.
	Status int `json:"status,omitempty"`
	// Load is how long the page took to load.
	Load Duration `json:"load_ms"`
	// Warnings are those that a render with this scene would have.
	Warnings []Warning `json:"warnings,omitempty"`
	// Picture says that the picture is stored; Width and Height are its size in pixels.
	Picture bool `json:"picture"`
	Width   int  `json:"width,omitempty"`
	Height  int  `json:"height,omitempty"`
}

// Finding is one thing that was found of a page.
type Finding struct {
	Class Class `json:"class"`
	// Code is that of the failure or the warning that a render would have; empty: it would have
	// none.
	Code Code `json:"code,omitempty"`
	// Reason says what was found, Advice what to do about it. For the product's user; Advice is
	// empty for ClassOK.
	Reason string `json:"reason"`
	Advice string `json:"advice,omitempty"`
}
