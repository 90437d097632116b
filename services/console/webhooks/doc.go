// Package webhooks tells what happens to renders to the addresses that operators and users have
// named, by the Standard Webhooks specification.
//
//	a trigger on renders ─▶ event ─▶ delivery ─▶ attempt, attempt, … ─▶ delivered
//	(0015_webhooks.sql)                                             └▶ dead: three days, or 410
//
// What it promises:
//   - An event is written in the transaction in which it happens. Each run of a render has one
//     event of its end, whatever is killed.
//   - Each endpoint that wants an event gets it at least once, always with the same webhook-id. A
//     console that is killed between an answer and its record is why it may get it twice.
//   - Only a status of the class 2xx is success. Redirects are not followed. 410 disables the
//     endpoint.
//   - Targets are reached as the egress policy allows. One that hangs delays no other.
//
// Any number of consoles may deliver: each leases what it is about to send.
package webhooks
