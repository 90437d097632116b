// Package alerts tells people that something is wrong who have no Prometheus: by webhooks of the
// types alert.opened and alert.closed, to the endpoints that ask for them.
//
//	render_failed   renders have failed
//	queue_waits     the oldest job has waited too long
//	stage_idle      tasks of a stage are due, and no worker takes them
//
// Each incident is told once when it begins and once when it is over, however many consoles there
// are: it is a row of loom.alerts, written in the transaction that writes the event.
package alerts
