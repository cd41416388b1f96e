/** One request to an endpoint: what it carries, what its answer means, and that it ends. */
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createKeyring } from "../../../src/shared/keyring.ts";
import { LIMITS } from "../../../src/webhooks/limits.ts";
import { newSigningSecret } from "../../../src/shared/signing.ts";
import type { DueDelivery } from "../../../src/webhooks/delivery.ts";
import { postDelivery } from "../../../src/webhooks/signed-post.ts";
import { newRecord, resealed, secretPlace } from "../../../src/webhooks/webhook.ts";

const BY = { type: "key", id: "root" } as const;

const keyring = createKeyring([{ name: "k1", secret: new Uint8Array(32).fill(1) }]);
const secret = newSigningSecret();
const seal = (text: string, field: "signing" | "task" = "signing") => keyring.seal(text, secretPlace("acme", "hook_1", field));
const record = newRecord("hook_1", { url: "https://a.example/in" }, false, seal(secret), BY, 0);
const delivery: DueDelivery = { id: "delivery_1", event: "task.failed", task: "t", body: '{"a":1}', secret: null, tries: 0 };
const post = (to = record, what = delivery) => postDelivery("acme", to, what, keyring, { allowLoopback: false });

const sent: Request[] = [];
function answering(answer: (request: Request, signal: AbortSignal) => Response | Promise<Response>): void {
  sent.length = 0;
  vi.stubGlobal("fetch", async (url: string, init: RequestInit & { signal: AbortSignal }) => {
    const request = new Request(url, init);
    sent.push(request.clone());
    return answer(request, init.signal);
  });
}
const believed = async (known: string): Promise<boolean> => {
  const [request] = sent;
  try {
    new Webhook(known).verify((await request?.clone().text()) ?? "", Object.fromEntries(request?.headers ?? []));
    return true;
  } catch {
    return false;
  }
};

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a request", () => {
  test("is signed with the present secret and those it replaced a moment ago", async () => {
    const next = newSigningSecret();
    answering(() => new Response(null, { status: 204 }));
    expect(await post(resealed(record, seal(next), true, Date.now()))).toEqual({ type: "delivered", status: 204 });
    expect(sent[0]).toMatchObject({ method: "POST", redirect: "manual", url: record.url });
    expect(sent[0]?.headers.get("webhook-id")).toBe("delivery_1");
    expect([await believed(secret), await believed(next)]).toEqual([true, true]);
  });

  test("is no longer signed with one whose time is over", async () => {
    const next = newSigningSecret();
    answering(() => new Response());
    await post(resealed(record, seal(next), true, Date.now() - LIMITS.secretOverlapMs));
    expect([await believed(secret), await believed(next)]).toEqual([false, true]);
  });

  test("is signed with the secret that came with the task alone", async () => {
    const own = newSigningSecret();
    answering(() => new Response());
    await post(record, { ...delivery, secret: seal(own, "task") });
    expect([await believed(secret), await believed(own)]).toEqual([false, true]);
  });

  test("is not made where the secret cannot be read, nor to where it must not go", async () => {
    answering(() => new Response());
    expect(await post({ ...record, secret: "gone" })).toMatchObject({ type: "failed", error: expect.stringContaining("rotate it") });
    expect(await post({ ...record, url: "https://10.0.0.1/" })).toMatchObject({
      type: "failed",
      error: expect.stringContaining("not allowed"),
    });
    expect(sent).toEqual([]);
  });

  test("that nobody answers ends in time", async () => {
    vi.useFakeTimers();
    answering((_, signal) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))));
    const answer = post();
    await vi.advanceTimersByTimeAsync(LIMITS.webhookTimeoutMs);
    expect(await answer).toEqual({ type: "failed", error: "no answer within 15000 ms", retryAfterMs: null });
  });
});

describe("an answer", () => {
  test.each<[number, Record<string, string>, object]>([
    [200, {}, { type: "delivered", status: 200 }],
    [410, {}, { type: "gone", status: 410 }],
    [307, { location: "https://10.0.0.1/" }, { type: "failed", status: 307, error: expect.stringContaining("redirects") }],
    [400, {}, { type: "failed", status: 400, retryAfterMs: null }],
    [503, { "retry-after": "7" }, { type: "failed", status: 503, retryAfterMs: 7_000 }],
  ])("of %i", async (status, headers, meaning) => {
    answering(() => new Response(null, { status, headers }));
    expect(await post()).toMatchObject(meaning);
  });

  test("is its status: a body without end is not read, and nothing is left running", async () => {
    vi.useFakeTimers();
    let isCanceled = false;
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1_024)),
      cancel: () => {
        isCanceled = true;
      },
    });
    answering(() => new Response(endless));
    expect(await post()).toEqual({ type: "delivered", status: 200 });
    expect(isCanceled).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
