import { Webhook } from "standardwebhooks";

import type { webhooks } from "./api.js";

export { WebhookVerificationError } from "standardwebhooks";

/**
 * What a webhook's body has (Standard Webhooks): `type` says what has happened and what `data` has,
 * `timestamp` when it has happened.
 */
export type WebhookEvent = { [type in keyof webhooks]: webhooks[type]["post"]["requestBody"]["content"]["application/json"] }[keyof webhooks];

/**
 * Returns the event of a webhook that the console has signed. It throws WebhookVerificationError if
 * the signature is not right, or the delivery is older or newer than five minutes.
 *
 * @param body The request's body, byte for byte: of `await request.text()`, and no parsed JSON.
 * @param headers The request's headers.
 * @param secret The endpoint's secret, `whsec_…`.
 */
export function verifyWebhook(body: string, headers: Headers | Record<string, string | string[] | undefined>, secret: string): WebhookEvent {
  const signed: Record<string, string> = {};
  for (const [name, value] of headers instanceof Headers ? headers : Object.entries(headers)) {
    if (typeof value === "string") signed[name] = value;
  }
  return new Webhook(secret).verify(body, signed) as WebhookEvent;
}
