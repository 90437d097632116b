import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";

import { ConnectionError, Loom, LoomError } from "@loom-lite/client";
import { Webhook } from "standardwebhooks";

import { createVideo, getVideo, webhook } from "./app.js";

// These tests are of a console that runs: services/console/clients_test.go starts it.
const url = process.env["LOOM_API_URL"]!;
const direct = new Loom();
const campaign = (name: string) => ({ name, scenes: [{ url: "https://example.com", duration_sec: 1 }] });

/** What stands between the client and the console, and fails as it is told. */
type Fault = "status" | "before" | "after" | "cut" | "none";
const seen: IncomingMessage[] = [];
let faults: { kind: Fault; status?: number; headers?: Record<string, string> }[] = [];
const between = createServer((request: IncomingMessage, response: ServerResponse) => {
  void (async () => {
    seen.push(request);
    const fault = faults.shift() ?? { kind: "none" };
    if (fault.kind === "status") return response.writeHead(fault.status!, fault.headers).end();
    if (fault.kind === "before") return request.socket.destroy();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !["host", "connection", "content-length", "transfer-encoding"].includes(name)));
    const answer = await fetch(url + request.url, {
      method: request.method!,
      headers: headers as Record<string, string>,
      body: chunks.length > 0 ? Buffer.concat(chunks) : null,
    });
    if (fault.kind === "after") return request.socket.destroy();
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    for await (const chunk of answer.body ?? []) {
      response.write(chunk);
      if (fault.kind === "cut" && Buffer.from(chunk).includes("event: status")) return request.socket.end();
    }
    response.end();
  })();
});
await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
after(() => between.close());

/** A client behind what fails as faults say. */
function behind(list: typeof faults, options: ConstructorParameters<typeof Loom>[0] = {}): Loom {
  faults = list;
  seen.length = 0;
  return new Loom({ url: `http://127.0.0.1:${(between.address() as AddressInfo).port}/`, ...options });
}

async function count(name: string): Promise<number> {
  let n = 0;
  for await (const _ of direct.list("/v1/renders", { query: { q: name } })) n++;
  return n;
}

test("an app creates a video and shows how far it is", async () => {
  const body = JSON.stringify({ name: "Of an app", urls: ["https://example.com"] });
  const created = await createVideo(new Request("http://app/api/videos", { method: "POST", body }));
  assert.equal(created.status, 202);
  const { id } = (await created.json()) as { id: string };
  const shown = await getVideo(new Request(`http://app/api/videos/${id}`), { params: Promise.resolve({ id }) });
  assert.deepEqual(await shown.json(), { status: "queued", progress: 0, final_video_url: null });
  const none = await getVideo(new Request("http://app"), { params: Promise.resolve({ id: crypto.randomUUID() }) });
  assert.equal(none.status, 404);
  const wrong = await createVideo(new Request("http://app", { method: "POST", body: JSON.stringify({ name: "x", urls: ["ftp://x"] }) }));
  assert.equal(wrong.status, 422);
  assert.match(JSON.stringify(await wrong.json()), /#\/campaign\/scenes\/0\/url/);
});

test("a POST whose answers are lost is done once, with one key", async () => {
  const loom = behind([{ kind: "after" }, { kind: "status", status: 503, headers: { "retry-after": "0" } }]);
  const { id } = await loom.post("/v1/renders", { body: { campaign: campaign("Lost answers") } });
  assert.equal(seen.length, 3);
  const keys = new Set(seen.map((request) => request.headers["idempotency-key"]));
  assert.equal(keys.size, 1);
  assert.ok(!keys.has(undefined));
  assert.equal(await count("Lost answers"), 1);
  assert.equal((await direct.get("/v1/renders/{id}", { path: { id } })).id, id);
});

test("408, 429, 5xx and connection errors are tried twice more, and no other", async () => {
  for (const status of [408, 429, 500, 502, 503]) {
    await behind([{ kind: "status", status, headers: { "retry-after": "0" } }, { kind: "before" }]).get("/v1/version");
    assert.equal(seen.length, 3, String(status));
  }
  const gone = behind(Array.from({ length: 9 }, () => ({ kind: "before" as const })));
  await assert.rejects(gone.get("/v1/version"), ConnectionError);
  assert.equal(seen.length, 3);
  for (const status of [400, 404, 409, 501]) {
    const loom = behind(Array.from({ length: 9 }, () => ({ kind: "status" as const, status, headers: { "retry-after": "0" } })));
    await assert.rejects(loom.get("/v1/version"), (error) => error instanceof LoomError && error.status === status);
    assert.equal(seen.length, status === 501 ? 3 : 1, String(status));
  }
});

test("Retry-After says when, and a long one is the caller's to wait for", async () => {
  const begin = performance.now();
  await behind([{ kind: "status", status: 429, headers: { "retry-after": "1" } }]).get("/v1/version");
  assert.ok(performance.now() - begin >= 990);
  const loom = behind([{ kind: "status", status: 503, headers: { "retry-after": "3600" } }]);
  await assert.rejects(loom.get("/v1/version"), (error) => error instanceof LoomError && error.retryAfter === 3600);
  assert.equal(seen.length, 1);
});

test("a token is made at most once, without a key", async () => {
  const loom = behind([{ kind: "after" }]);
  await assert.rejects(loom.post("/v1/tokens", { body: { name: "x", scope: "read" } }), ConnectionError);
  assert.equal(seen.length, 1);
  assert.equal(seen[0]!.headers["idempotency-key"], undefined);
});

test("what answers with a secret takes no key, and is sent without one", async () => {
  const created = await direct.post("/v1/webhook-endpoints", { body: { url: "https://example.com/webhooks" } });
  const rotated = await direct.post("/v1/webhook-endpoints/{id}/rotate", { path: { id: created.id }, body: { overlap_seconds: 60 } });
  assert.ok(created.secret && rotated.secret && created.secret !== rotated.secret);
});

test("a list goes on over its pages", async () => {
  const ids = new Set<string>();
  for (let i = 0; i < 5; i++) ids.add((await direct.post("/v1/renders", { body: { campaign: campaign("Of a list") } })).id);
  const loom = behind([]);
  const listed: string[] = [];
  for await (const render of loom.list("/v1/renders", { query: { q: "Of a list", limit: 2, status: ["queued", "failed"] } })) listed.push(render.id);
  assert.deepEqual(new Set(listed), ids);
  assert.equal(listed.length, 5);
  assert.equal(seen.length, 3);
});

test("events go on behind the last one when the connection breaks", async () => {
  const { id } = await direct.post("/v1/renders", { body: { campaign: campaign("Watched") } });
  const loom = behind([{ kind: "cut" }]);
  const statuses: string[] = [];
  const ids: string[] = [];
  for await (const event of loom.events(id)) {
    if (event.type === "progress") continue;
    statuses.push(`${event.type} ${event.data.status}`);
    if (event.type === "status") ids.push(event.id);
    if (event.data.status === "queued") await direct.post("/v1/renders/{id}/cancel", { path: { id } });
  }
  assert.deepEqual(statuses, ["status queued", "status cancelled", "end cancelled"]);
  assert.equal(seen.length, 2);
  assert.equal(seen[1]!.headers["last-event-id"], ids[0]);
});

test("wait returns a render that has ended, and a signal ends it", async () => {
  const { id } = await direct.post("/v1/renders", { body: { campaign: campaign("Waited for") } });
  const signal = AbortSignal.timeout(50);
  await assert.rejects(direct.wait(id, { signal }), (error) => error === signal.reason);
  const waiting = direct.wait(id);
  assert.equal((await direct.post("/v1/renders/{id}/cancel", { path: { id } })).cancelled, true);
  assert.equal((await waiting).status, "cancelled");
});

test("a problem has its code, and what is wrong", async () => {
  const refused = new Loom({ token: "loom_unknown" });
  await assert.rejects(refused.get("/v1/renders"), (error) => error instanceof LoomError && error.status === 401 && error.code === "token_invalid");
  await assert.rejects(direct.post("/v1/renders", { body: {} }), /invalid: Send either campaign or campaign_id/);
});

test("a webhook is believed if it is signed, whole and of now", async () => {
  const secret = "whsec_" + Buffer.alloc(32, 7).toString("base64");
  const types: string[] = [];
  const route = webhook(secret, (event) => types.push(event.type));
  const body = JSON.stringify({ type: "render.completed", timestamp: new Date().toISOString(), data: {} });
  const signed = (at: Date) => ({
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": "v1,AAAA " + new Webhook(secret).sign("msg_1", at, body),
  });
  const post = async (headers: Record<string, string>, text = body) => (await route(new Request("http://app", { method: "POST", headers, body: text }))).status;
  assert.equal(await post(signed(new Date())), 204);
  assert.deepEqual(types, ["render.completed"]);
  assert.equal(await post(signed(new Date()), body + " "), 401);
  assert.equal(await post({ ...signed(new Date()), "webhook-id": "msg_2" }), 401);
  assert.equal(await post(signed(new Date(Date.now() - 301_000))), 401);
  assert.equal(await post(signed(new Date(Date.now() + 302_000))), 401);
  assert.equal(await post({}), 401);
  assert.deepEqual(types, ["render.completed"]);
});
