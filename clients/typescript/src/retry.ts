import { ConnectionError, LoomError } from "./problem.js";

/** How often and how fast a request is sent again. */
export interface RetryPolicy {
  /** How often after the first time. */
  retries: number;
  /** The longest Retry-After in seconds that is waited for. A longer one is the caller's to wait for: see LoomError.retryAfter. */
  longest: number;
}

/** Reports whether the same request may succeed when it is sent again. */
export function worthRetrying(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  if (!(error instanceof LoomError)) return false;
  // A request of ours whose answer was lost may still run.
  return error.status === 408 || error.status === 429 || error.status >= 500 || error.code === "request_in_progress";
}

/** The milliseconds until try number `attempt` + 1, counted from 0. Undefined: do not try again. */
export function pause(error: unknown, attempt: number, policy: RetryPolicy, random = Math.random): number | undefined {
  if (attempt >= policy.retries || !worthRetrying(error)) return undefined;
  const told = error instanceof LoomError ? error.retryAfter : undefined;
  if (told !== undefined) return told > policy.longest ? undefined : told * 1000;
  return Math.min(500 * 2 ** attempt, 8000) * (0.5 + random() / 2);
}

/** Waits, unless the signal ends it: then it throws the signal's reason. */
export function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
