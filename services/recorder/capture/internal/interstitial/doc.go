// Package interstitial recognizes what is shown in a page's place: the challenge of a bot
// protection, or a login.
//
// Evidence is what is known of a document; Judge decides. A page that only uses a protection, has a
// captcha in a form or a login of its own is a page.
package interstitial
