// Package forecast measures how far off forecasts of the ends of renders are (services/console/
// forecast).
//
//	errors    what was said while renders went on, against when they ended
//	standin   ingest, Postgres and NATS, with workers that only wait: known, varied times
//	real      renders by an installation that runs, over its API
package forecast
