// Package cdp speaks the Chrome DevTools protocol over the pipe of --remote-debugging-pipe=cbor.
//
// Client.Rod returns a rod.CDPClient, so that rod's pages and types can be used with it: rod sees
// JSON. What is large never becomes JSON: CallRaw returns the reply as Chrome wrote it, in which an
// image is raw bytes. Decoding base64 out of JSON costs more than a quarter of the time of a frame.
//
// It guarantees:
//   - every call ends: with a reply, with its context, with ErrStalled when Chrome does not answer
//     within the client's deadline, or with ErrClosed when Chrome is gone. After ErrStalled the
//     browser cannot be trusted: kill it.
//   - events are delivered in order, each before the reply that follows it on the pipe.
package cdp
