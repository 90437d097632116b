package capture

import (
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/interstitial"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Survey is what is known of a page besides its pictures, for whoever judges whether it is worth
// recording. When a capture has failed, only the first three are known.
type Survey struct {
	// Address is the URL of the last document that was requested; empty before there was one.
	Address string
	// Status is the HTTP status of its response; 0 before there was one.
	Status int
	// Load is how long the page took to load, in real time.
	Load time.Duration

	// Length is the length of all visible text, in UTF-16 units.
	Length int
	// Passwords counts the visible fields for passwords.
	Passwords int
	// AskedForLogin says that the scene's own URL is that of a login.
	AskedForLogin bool
	// Covers are what lies over the page where it is seen, the largest first.
	Covers []Cover
}

// Cover is an element that stays in its place over the page, such as a banner.
type Cover struct {
	// Share is how much of the window it covers, from 0 to 1.
	Share float64 `json:"share"`
	// Text is the beginning of its visible text, Names the names and addresses that its elements
	// have.
	Text  string `json:"text"`
	Names string `json:"names"`
}

//go:embed covers.js
var coversScript string

// surveyed adds what is known however the capture ended.
func (s *session) surveyed() {
	if s.Survey == nil {
		return
	}
	now := s.document.Now()
	s.Survey.Address, s.Survey.Status = now.URL, now.Status
}

// survey examines the page after the last frame.
func (s *session) survey() error {
	if s.Survey == nil {
		return nil
	}
	seen := interstitial.Evidence{Asked: s.URL}
	if err := seen.Read(s.world); err != nil && !cdp.Gone(err) {
		return err
	}
	s.Survey.Length, s.Survey.Passwords, s.Survey.AskedForLogin = seen.Length, seen.Passwords, seen.AskedForLogin()
	if err := s.world.Ask("look for banners", strings.TrimSpace(coversScript), &s.Survey.Covers); err != nil {
		return fmt.Errorf("survey the page: %w", err)
	}
	return nil
}
