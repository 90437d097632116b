import type { components } from "./api.js";
import { ConnectionError } from "./problem.js";
import { pause, wait, type RetryPolicy } from "./retry.js";

type Render = components["schemas"]["Render"];

/** What has happened to a render: it got a status, it is further, or it has ended. */
export type RenderEvent = {
  /** The id of the last status: what lastEventId goes on behind. */
  id: string;
} & (
  | { type: "status" | "progress"; data: Pick<Render, "status" | "progress" | "error_code" | "error_message"> & { render_id: string; at: string } }
  | { type: "end"; data: Render | { id: string; status: "deleted" } }
);

/** A stream that has lasted so many milliseconds was no failure. */
const lasting = 10_000;

/** Yields events until the end, over as many connections as it takes. */
export async function* renderEvents(
  open: (lastEventId: string) => Promise<Response>,
  policy: RetryPolicy,
  options: { signal?: AbortSignal; lastEventId?: string },
): AsyncGenerator<RenderEvent, void, undefined> {
  let last = options.lastEventId ?? "";
  for (let broken = 0; ; ) {
    let error: unknown = new ConnectionError("the stream has broken off");
    const response = await open(last);
    if (response.status === 204 || !response.body) return;
    const opened = Date.now();
    try {
      for await (const event of parse(response.body)) {
        last = event.id || last;
        yield event as RenderEvent;
        if (event.type === "end") return;
      }
    } catch (cause) {
      options.signal?.throwIfAborted();
      error = new ConnectionError("the stream has broken off", { cause });
    }
    if (Date.now() - opened > lasting) broken = 0;
    const ms = pause(error, broken++, policy);
    if (ms === undefined) throw error;
    await wait(ms, options.signal);
  }
}

interface Message {
  id: string;
  type: string;
  data: unknown;
}

/** Reads a stream of events, as HTML's "server-sent events" describes it. */
async function* parse(body: ReadableStream<Uint8Array>): AsyncGenerator<Message, void, undefined> {
  let id = "";
  let type = "";
  let data: string[] = [];
  for await (const line of lines(body)) {
    if (line === "") {
      if (data.length > 0) yield { id, type: type || "message", data: JSON.parse(data.join("\n")) };
      type = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id" && !value.includes("\0")) id = value;
    if (field === "event") type = value;
    if (field === "data") data.push(value);
  }
}

/** The lines of a stream that have ended. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
      rest = parts.pop() ?? "";
      yield* parts;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
