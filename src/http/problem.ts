/** Refusals on the wire: RFC 9457, one body for every one of them. */
import type { Context } from "hono";
import { z } from "@hono/zod-openapi";
import { rejection, meaningOf, type Rejection } from "../shared/errors.ts";

/** One fault in a document. */
export const faultSchema = z
  .object({
    pointer: z.string().openapi({ description: "JSON Pointer to the place, or to where something is missing" }),
    message: z.string(),
    code: z.string(),
    suggestion: z.string().optional().openapi({
      description: "What was probably meant: a name, a text or an expression as it is, anything else as JSON",
    }),
  })
  .openapi("Fault");

export const problemSchema = z
  .object({
    type: z.string().openapi({ example: "urn:orchestrator:problem:not_found" }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ example: "not_found" }),
    retryable: z.boolean(),
    request_id: z.string(),
    errors: z.array(faultSchema).optional(),
  })
  .openapi("Problem");

export function problemBody(rejection: Rejection, requestId: string) {
  const { status, title, retryable } = meaningOf(rejection.code);
  return {
    type: `urn:orchestrator:problem:${rejection.code}`,
    title,
    status,
    detail: rejection.detail,
    code: rejection.code,
    retryable,
    request_id: requestId,
    ...(rejection.faults && { errors: rejection.faults }),
    ...rejection.facts,
  };
}

export function problem(c: Context, rejection: Rejection): Response {
  const { status } = meaningOf(rejection.code);
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  if (rejection.retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(rejection.retryAfterMs / 1_000));
  if (status === 401) headers["www-authenticate"] = "Bearer";
  if (status === 429) {
    headers["ratelimit-policy"] = '"requests";q=10000;w=10';
    headers["ratelimit"] = '"requests";r=0;t=10';
  }
  return c.body(JSON.stringify(problemBody(rejection, c.get("requestId"))), status, headers);
}

export const TROUBLE = rejection("unavailable", "Something the service needs did not answer; try again", { retryAfterMs: 1_000 });

/** A refusal from within a handler; `onError` turns it into a response. */
export class Refused extends Error {
  readonly rejection: Rejection;

  constructor(rejection: Rejection) {
    super(rejection.detail);
    this.rejection = rejection;
  }
}

/** The value of a result, or its refusal as the response. */
export function accepted<T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Rejection }): T {
  if (result.ok) return result.value;
  throw new Refused(result.error);
}
