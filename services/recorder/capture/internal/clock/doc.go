// Package clock grants page time: Chrome's virtual time, which stands still until some of it is
// granted, and while the page's own requests are under way.
//
//	Start ──▶ stands still ──grant──▶ passes ──budget expired──▶ stands still
//	               ▲                    │  │
//	               │   requests begin ──┘  └── they take too long: passes without them
//	               └───────────────────────────────────────────────────┘
//
// A request holds time for so long only, and all requests together for so long only; then time
// passes whatever the page waits for. A page that another process of Chrome shows from then on
// begins with a clock of its own, by which Move sets this one.
package clock
