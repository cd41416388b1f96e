/** `/callbacks/{token}`: an agent that answered 202 completes, fails or reports progress. The token is the credential. */
import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { parseCallbackToken, type AttemptAddress } from "../../agents/transports/callback-token.ts";
import { parseCompletion, type Outcome } from "../../agents/transports/protocol.ts";
import { duration } from "../../language/definition-words.ts";
import { rejection } from "../../shared/errors.ts";
import { canonicalJson, type Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { excerpt } from "../../shared/text.ts";
import { isoTime, parseDuration } from "../../shared/time.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, type Api, type TokenAccess } from "../../http/route.ts";
import type { TaskServices } from "../services.ts";

const lease = z.object({ lease_until: z.iso.datetime().nullable() });
const params = z.object({ token: z.string() });
const answer = {
  200: { description: "Recorded; until when the attempt is trusted, if it still runs", content: { "application/json": { schema: lease } } },
};

const attemptToken: TokenAccess = {
  tenantOf: (c: Context<Api<TaskServices>>) => addressIn(c)?.tenant ?? null,
  refusal: "There is no such attempt",
};

const completeRoute = defineRoute({
  method: "post",
  path: "/callbacks/{token}/complete",
  operationId: "completeAttempt",
  summary: "Complete an attempt",
  description:
    "For agents that answered 202. The token in the URL is the credential, good for one attempt. The same reply again gets the same answer.",
  access: attemptToken,
  maxBodyBytes: LIMITS.bodyBytes,
  request: {
    params,
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z
            .strictObject({
              output: z.unknown(),
              // Read where all replies are: what is wrong with it is a warning on the step, and loses no answer.
              usage: z
                .unknown()
                .optional()
                .openapi({
                  type: "object",
                  properties: {
                    input_tokens: { type: "integer", minimum: 0 },
                    output_tokens: { type: "integer", minimum: 0 },
                    cost_usd: { type: "number", minimum: 0 },
                  },
                }),
            })
            .refine((body) => "output" in body, { message: 'expected an "output"', path: ["output"] }),
        },
      },
    },
  },
  responses: answer,
});

const failRoute = defineRoute({
  method: "post",
  path: "/callbacks/{token}/fail",
  operationId: "failAttempt",
  summary: "Fail an attempt",
  description: "Says why, and whether trying again can help.",
  access: attemptToken,
  request: {
    params,
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.strictObject({
            code: z.string().min(1).max(LIMITS.nameLength),
            message: z.string().max(LIMITS.textLength),
            retryable: z.boolean().optional(),
            retry_after: z
              .union([
                duration,
                z
                  .number()
                  .min(0)
                  .max(LIMITS.retryAfterMs / 1_000),
              ])
              .optional()
              .openapi({ description: "A duration, or seconds" }),
          }),
        },
      },
    },
  },
  responses: answer,
});

const heartbeatRoute = defineRoute({
  method: "post",
  path: "/callbacks/{token}/heartbeat",
  operationId: "extendAttempt",
  summary: "Keep an attempt alive",
  description: "Extends the attempt's lease, and tells how far it is.",
  access: attemptToken,
  request: {
    params,
    body: {
      content: {
        "application/json": {
          schema: z.strictObject({
            progress: z
              .unknown()
              .refine(
                (progress) => JSON.stringify(progress ?? null).length <= LIMITS.progressBytes,
                `progress is at most ${LIMITS.progressBytes} bytes`,
              )
              .optional(),
            extend: duration
              .optional()
              .openapi({ description: "How long from now the attempt is trusted; the step's timeout unless said" }),
          }),
        },
      },
    },
  },
  responses: answer,
});

export const callbackRoutes = createRouter<TaskServices>()
  .openapi(completeRoute, async (c) => {
    const body = c.req.valid("json");
    const completion = parseCompletion(body);
    if ("code" in completion) throw new Refused(rejection("invalid_request", completion.message));
    const text = canonicalJson(body as Json);
    await settle(c, `complete ${text}`, { type: "completed", ...completion, bytes: text.length });
    return c.json({ lease_until: null }, 200);
  })
  .openapi(failRoute, async (c) => {
    const body = c.req.valid("json");
    const { code, message, retryable = true, retry_after } = body;
    const retryAfterMs =
      typeof retry_after === "number" ? retry_after * 1_000 : retry_after === undefined ? null : parseDuration(retry_after);
    const error = {
      code,
      message: excerpt(message, LIMITS.errorMessageLength),
      retryable,
      by: "agent" as const,
      ...(retryAfterMs !== null && { retry_after_ms: retryAfterMs }),
    };
    await settle(c, `fail ${canonicalJson(body as Json)}`, { type: "failed", error });
    return c.json({ lease_until: null }, 200);
  })
  .openapi(heartbeatRoute, async (c) => {
    const { tenant, task, ...at } = attemptOf(c);
    const { progress, extend } = c.req.valid("json");
    const extendMs = extend === undefined ? null : parseDuration(extend);
    const beat = { ...(extendMs !== null && { extendMs }), ...(progress !== undefined && { progress: progress as Json }) };
    const { leaseUntil } = accepted(known(await c.var.services.tasks.ask(tenant, task, (owner) => owner.heartbeat(at, beat))));
    return c.json({ lease_until: leaseUntil === null ? null : isoTime(leaseUntil) }, 200);
  });

/** Settles the attempt. The same reply again is recognised by its digest and answered alike. */
async function settle(c: Context<Api<TaskServices>>, reply: string, outcome: Outcome): Promise<void> {
  const { tenant, task, ...at } = attemptOf(c);
  const digest = createHash("sha256").update(reply).digest("base64url");
  accepted(known(await c.var.services.tasks.ask(tenant, task, (owner) => owner.report(at, outcome, digest))));
}

function addressIn(c: Context<Api<TaskServices>>): AttemptAddress | null {
  return parseCallbackToken(c.var.services.config.keyring, c.req.param("token") ?? "");
}

const attemptOf = (c: Context<Api<TaskServices>>): AttemptAddress => known(addressIn(c));

function known<T>(answered: T | null): T {
  if (answered === null) throw new Refused(rejection("not_found", attemptToken.refusal));
  return answered;
}
