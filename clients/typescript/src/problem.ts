import type { components } from "./api.js";

/** What the API answers when something is wrong (RFC 9457). */
export type Problem = components["schemas"]["Problem"];

/** The API refused a request, or failed. */
export class LoomError extends Error {
  override readonly name = "LoomError";

  constructor(
    /** The answer's status. */
    readonly status: number,
    /** What is wrong, for programs: docs/reference/problems.md lists the codes. Undefined if something between you and the API has answered. */
    readonly code: string | undefined,
    message: string,
    readonly problem?: Problem,
    /** After how many seconds the API wants to be asked again. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }

  /** The error of an answer that is no success. */
  static async of(response: Response): Promise<LoomError> {
    const text = await response.text().catch(() => "");
    const after = retryAfter(response.headers);
    if (/^application\/problem\+json\b/.test(response.headers.get("content-type") ?? "")) {
      try {
        const problem = JSON.parse(text) as Problem;
        const faults = (problem.errors ?? []).map((e) => `; ${e.pointer ?? e.parameter ?? ""} ${e.detail}`);
        return new LoomError(response.status, problem.code, `${problem.code}: ${problem.detail ?? problem.title}${faults.join("")}`, problem, after);
      } catch {
        // It was cut off.
      }
    }
    return new LoomError(response.status, undefined, `the API answers ${response.status} ${response.statusText}`.trim(), undefined, after);
  }
}

/** No answer came: the connection failed, or the time was up. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** The seconds that Retry-After asks for: it has a number or a date. */
export function retryAfter(headers: Headers, now = Date.now()): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}
