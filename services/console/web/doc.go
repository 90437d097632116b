// Package web is the dashboard: pages that are made by the server, for people.
//
// Each page is one GET and each action one POST of a plain form, so a browser without JavaScript
// does all of it. With JavaScript, htmx fetches the page again when something has changed, and puts
// the differences in place.
//
// What it guarantees:
//
//   - Whoever is not signed in sees the page to sign in, and nothing else. A link signs in once.
//   - A route names the scope that it takes, and the server refuses who has less. What a page shows
//     of buttons is a courtesy.
//   - A person of one user sees the renders of that user's campaigns, and no others.
//   - A request from another site changes nothing: cookies are SameSite, and the origin is checked.
//   - No page runs or loads what is not this server's, pictures and videos of renders excepted.
package web
