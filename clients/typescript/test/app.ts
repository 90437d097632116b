// The routes of a small app, as Next.js has them: app/api/videos/route.ts and so on. Each takes a
// Request and returns a Response.
import { Loom, LoomError } from "@loom-lite/client";
import { verifyWebhook, WebhookVerificationError, type WebhookEvent } from "@loom-lite/client/webhooks";

const loom = new Loom(); // LOOM_API_URL, LOOM_API_TOKEN

/** POST /api/videos: somebody presses "Render". */
export async function createVideo(request: Request): Promise<Response> {
  const { name, urls } = (await request.json()) as { name: string; urls: string[] };
  try {
    const { id, status } = await loom.post("/v1/renders", {
      body: { campaign: { name, scenes: urls.map((url) => ({ url, duration_sec: 3 })) } },
      signal: request.signal,
    });
    return Response.json({ id, status }, { status: 202 });
  } catch (error) {
    if (error instanceof LoomError && error.status === 422) return Response.json({ errors: error.problem?.errors }, { status: 422 });
    throw error;
  }
}

/** GET /api/videos/[id]: the page asks how far it is. */
export async function getVideo(_: Request, { params }: { params: Promise<{ id: string }> }): Promise<Response> {
  try {
    const { status, progress, final_video_url } = await loom.get("/v1/renders/{id}", { path: await params });
    return Response.json({ status, progress, final_video_url });
  } catch (error) {
    if (error instanceof LoomError && error.code === "not_found") return new Response(null, { status: 404 });
    throw error;
  }
}

/** POST /api/webhooks/loom: the console tells what has happened. */
export function webhook(secret: string, handle: (event: WebhookEvent) => void) {
  return async (request: Request): Promise<Response> => {
    try {
      handle(verifyWebhook(await request.text(), request.headers, secret));
      return new Response(null, { status: 204 });
    } catch (error) {
      if (error instanceof WebhookVerificationError) return new Response(null, { status: 401 });
      throw error;
    }
  };
}
