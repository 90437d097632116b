// Package console is what people and other programs use to work with an installation: an HTTP API
// under /v1, and a dashboard. The other services do not depend on it: all that it shows and does
// goes through Postgres and NATS.
//
//	bulk       does something to all renders that a filter means
//	views      keeps filters that people save
//	receipts   reads what renders used and cost
//	renders    submits renders, reads how they are, and controls them; the command line's too
//	snapshot   what an installation is doing at one moment
//	campaign   reads campaign files
//	api        the HTTP API
//	web        the dashboard
//	forecast   when renders will end
//	figures    how an installation does, in numbers
//	scenecache recordings that may be used again
package console
