import type { components } from "./api.js";
import { renderEvents, type RenderEvent } from "./events.js";
import { keyless } from "./keyless.js";
import type { Input, Item, ListPath, Method, Output, PathOf, RequestOptions } from "./operation.js";
import { ConnectionError, LoomError } from "./problem.js";
import { pause, wait, type RetryPolicy } from "./retry.js";

export type Render = components["schemas"]["Render"];

/** How a client reaches the API. */
export interface LoomOptions {
  /** Where the console is, such as https://video.example.com. Default: LOOM_API_URL of the environment. */
  url?: string;
  /** A token. Default: LOOM_API_TOKEN of the environment. Keep it on your server: whoever has it may do what it may. */
  token?: string;
  /** How often a request is sent again after 408, 429, 5xx and connection errors. Default 2. */
  retries?: number;
  /** The longest Retry-After in seconds that is waited for. Default 60. */
  longestRetryAfter?: number;
  /** The seconds that one try may take. Default 60. */
  timeout?: number;
  /** What sends requests. Default: the global fetch. */
  fetch?: typeof fetch;
}

/** What is sent for an operation, whatever it is. */
interface Sent extends RequestOptions {
  path?: unknown;
  query?: unknown;
  body?: unknown;
}

/**
 * A client of the API. Its methods get, post, put and delete take every operation of the document:
 *
 *     const loom = new Loom();
 *     const { id } = await loom.post("/v1/renders", { body: { campaign } });
 *     for await (const render of loom.list("/v1/renders", { query: { status: ["failed"] } })) …
 */
export class Loom {
  readonly #url: string;
  readonly #token: string;
  readonly #timeout: number;
  readonly #policy: RetryPolicy;
  readonly #fetch: typeof fetch;

  constructor(options: LoomOptions = {}) {
    const environ = typeof process === "undefined" ? {} : process.env;
    this.#url = (options.url ?? environ["LOOM_API_URL"] ?? "").replace(/\/+$/, "");
    this.#token = options.token ?? environ["LOOM_API_TOKEN"] ?? "";
    if (!this.#url) throw new TypeError("url is missing: pass it, or set LOOM_API_URL");
    if (!this.#token) throw new TypeError("token is missing: pass it, or set LOOM_API_TOKEN");
    this.#timeout = (options.timeout ?? 60) * 1000;
    this.#policy = { retries: options.retries ?? 2, longest: options.longestRetryAfter ?? 60 };
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  get<P extends PathOf<"get">>(path: P, ...[input]: Argument<Input<"get", P>>): Promise<Output<"get", P>> {
    return this.#json("get", path, input) as Promise<Output<"get", P>>;
  }

  /** Sends a POST. Its idempotency key is the same over its retries, so that it is done once. */
  post<P extends PathOf<"post">>(path: P, ...[input]: Argument<Input<"post", P>>): Promise<Output<"post", P>> {
    return this.#json("post", path, input) as Promise<Output<"post", P>>;
  }

  put<P extends PathOf<"put">>(path: P, ...[input]: Argument<Input<"put", P>>): Promise<Output<"put", P>> {
    return this.#json("put", path, input) as Promise<Output<"put", P>>;
  }

  delete<P extends PathOf<"delete">>(path: P, ...[input]: Argument<Input<"delete", P>>): Promise<Output<"delete", P>> {
    return this.#json("delete", path, input) as Promise<Output<"delete", P>>;
  }

  /** Everything that a list has, page by page. Pages are fetched as they are needed. */
  async *list<P extends ListPath>(path: P, ...[input]: Argument<Input<"get", P>>): AsyncGenerator<Item<P>, void, undefined> {
    const sent: Sent = { ...input };
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const query = cursor === undefined ? sent.query : { ...(sent.query as object | undefined), cursor };
      const page = (await this.#json("get", path, { ...sent, query })) as { items: Item<P>[]; next_cursor: string | null };
      yield* page.items;
      cursor = page.next_cursor;
    }
  }

  /**
   * What happens to a render, as it happens, until it has ended. When the connection breaks, it goes
   * on behind the last event.
   */
  events(id: string, options: { signal?: AbortSignal; lastEventId?: string } = {}): AsyncGenerator<RenderEvent, void, undefined> {
    return renderEvents(
      (lastEventId) =>
        this.#send("get", "/v1/renders/{id}/events", {
          path: { id },
          signal: options.signal,
          headers: { Accept: "text/event-stream", ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}) },
        }),
      this.#policy,
      options,
    );
  }

  /** Waits until a render has ended, and returns it: it is done, failed or cancelled. */
  async wait(id: string, options: { signal?: AbortSignal } = {}): Promise<Render> {
    for await (const _ of this.events(id, options)) {
      // The last event is the end.
    }
    return this.get("/v1/renders/{id}", { path: { id }, ...options });
  }

  async #json(method: Method, path: string, sent: Sent = {}): Promise<unknown> {
    const response = await this.#send(method, path, sent);
    return response.status === 204 ? undefined : response.json();
  }

  /** Sends a request until it succeeds, or trying again does not help. */
  async #send(method: Method, path: string, sent: Sent): Promise<Response> {
    const url = this.#url + address(path, sent);
    const headers: Record<string, string> = { Accept: "application/json", ...sent.headers, Authorization: `Bearer ${this.#token}` };
    const once = method !== "post" || !keyless.has(path);
    if (method === "post" && once) headers["Idempotency-Key"] = sent.idempotencyKey ?? crypto.randomUUID();
    const body = sent.body === undefined ? undefined : JSON.stringify(sent.body);
    if (body !== undefined) headers["Content-Type"] = "application/json";
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#try(url, { method: method.toUpperCase(), headers, body: body ?? null, redirect: "error" }, sent.signal);
      } catch (error) {
        sent.signal?.throwIfAborted();
        // What may have been done already, and would be done twice, is not sent again.
        const refused = error instanceof LoomError && error.status === 429;
        const ms = once || refused ? pause(error, attempt, this.#policy) : undefined;
        if (ms === undefined) throw error;
        await wait(ms, sent.signal);
      }
    }
  }

  /** Sends a request once. The time is up when no answer has begun. */
  async #try(url: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#timeout);
    let response: Response;
    try {
      response = await this.#fetch(url, { ...init, signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal });
    } catch (error) {
      if (late.signal.aborted) throw new ConnectionError(`no answer within ${this.#timeout / 1000} s`, { cause: error });
      throw new ConnectionError(`the API cannot be reached: ${error instanceof Error ? String(error.cause ?? error.message) : error}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    if (!response.ok) throw await LoomError.of(response);
    return response;
  }
}

/** An argument that may be left out when all of it may be. */
type Argument<T> = {} extends T ? [input?: T] : [input: T];

/** The path and the query of a request. */
function address(path: string, sent: Sent): string {
  const values = (sent.path ?? {}) as Record<string, unknown>;
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(values[name] ?? "");
    if (!value) throw new TypeError(`path.${name} is missing`);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries((sent.query ?? {}) as Record<string, unknown>)) {
    // The API divides the values of a list by commas.
    if (value !== undefined && value !== null) query.set(name, String(value));
  }
  return query.size > 0 ? `${filled}?${query}` : filled;
}
