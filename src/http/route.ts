/**
 * How a route is declared. `access` is required: a route that does not say who may use it does not compile. Everything a
 * request passes before its handler is decided here, in one order: credentials, scope, body, schemas.
 */
import { createRoute, OpenAPIHono, type RouteConfig, type z } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { faultsOf } from "../language/compile.ts";
import type { Principal } from "../shared/principal.ts";
import type { Scope } from "../shared/scopes.ts";
import { boundLists } from "../shared/bounded-parse.ts";
import { rejectionOf } from "../shared/errors.ts";
import { missingScope } from "../shared/operation.ts";
import { LIMITS } from "./limits.ts";
import { jsonBody, linesBody } from "./body.ts";
import { admitToken, authenticate } from "./credentials.ts";
import { problemSchema, Refused } from "./problem.ts";

/** What every request passes before a handler: who makes it, and whether they may make another one now. */
export interface Doors {
  readonly keys: {
    /** Who holds a key, `null` if nobody can; `"unknown"`: only `lookUp` can tell. */
    readonly recognise: (key: string, now: number) => Principal | "unknown" | null;
    readonly lookUp: (key: string, now: number) => Promise<Principal | null>;
    /** When a key that held should be looked at again; `null`: it holds no more. */
    readonly holdsUntil: (key: string, maxAgeMs: number, now: number) => Promise<number | null>;
  };
  readonly mayRequest: (caller: string) => Promise<boolean>;
  /** How often an address may present credentials that nobody has given out. */
  readonly guesses: {
    readonly take: (address: string) => Promise<boolean>;
    readonly giveBack: (address: string) => void;
  };
}

/** A router names the services that its handlers use; the application is given those of all. */
export interface Api<Services = unknown> {
  Variables: {
    requestId: string;
    services: Services & Doors;
    /** Set on every route with a scope. */
    principal: Principal;
    /** … with what they authenticated themselves. */
    key: string;
  };
}

/** The path of a route is its credential: it holds a token that we have signed. */
export interface TokenAccess {
  /** Whose it is; `null`: none of ours, or not any more. Looked at before anything else is read. */
  readonly tenantOf: (c: Context) => string | null;
  /** What the bearer of another is told. */
  readonly refusal: string;
}

/** Who may use a route: holders of a scope, whoever has a URL that we have signed, or anyone (discovery, health). */
export type Access = Scope | TokenAccess | "anyone";

type Declared = RouteConfig & {
  readonly access: Access;
  /** Verb and noun, unique: clients and commands are named by it. */
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  /** The most a body may weigh; 1 MiB unless said otherwise. */
  readonly maxBodyBytes?: number;
};

export function defineRoute<P extends string, R extends Omit<Declared, "path"> & { path: P }>(
  declared: R,
): R & { getRoutingPath(): string } {
  const { access, maxBodyBytes = LIMITS.smallBodyBytes, ...config } = declared;
  const { body } = config.request ?? {};
  const jsonContent = body?.content["application/json"];
  if (jsonContent !== undefined && "schema" in jsonContent && "_zod" in jsonContent.schema) boundLists(jsonContent.schema as z.ZodType);
  const middleware = [
    ...(access === "anyone" ? [] : [typeof access === "string" ? requireScope(access) : requireToken(access)]),
    ...(body === undefined ? [] : [bodyReader(body, maxBodyBytes)]),
  ];
  const responses = {
    ...config.responses,
    "4XX": { description: "A refusal: what to do about it is in it", content: { "application/problem+json": { schema: problemSchema } } },
    "5XX": { description: "Trouble of the service", content: { "application/problem+json": { schema: problemSchema } } },
  };
  const security =
    access === "anyone" || typeof access === "object" ? { security: [] } : { security: [{ bearer: [] }], "x-required-scope": access };
  const route = { ...config, tags: [tagOf(config.path)], middleware, responses, ...security } as unknown as RouteConfig & { path: P };
  return createRoute(route) as unknown as R & { getRoutingPath(): string };
}

/** Routes of one resource stand together: the first part of their path names them. */
const tagOf = (path: string): string => (ROOT_PATHS.has(path) ? "service" : (path.split("/")[1] ?? ""));
const ROOT_PATHS = new Set(["/health", "/ready"]);

function bodyReader(
  { content, required }: NonNullable<NonNullable<RouteConfig["request"]>["body"]>,
  maxBytes: number,
): MiddlewareHandler<Api> {
  if ("application/x-ndjson" in content) return linesBody(maxBytes);
  return jsonBody(maxBytes, required ?? false, "application/yaml" in content);
}

/** A JSON response in a route's declaration. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { "application/json": { schema } } };
}

/** A router whose validation faults all read alike. */
export function createRouter<Services = unknown>(): OpenAPIHono<Api<Services>> {
  return new OpenAPIHono<Api<Services>>({
    defaultHook: (result) => {
      if (result.success) return;
      const root = result.target === "query" ? "/query" : "";
      throw new Refused(rejectionOf(faultsOf(result.error, root), "invalid_request"));
    },
  });
}

function requireScope(scope: Scope): MiddlewareHandler<Api> {
  return async (c, next) => {
    const principal = await authenticate(c);
    const missing = missingScope(principal, scope);
    if (missing !== null) throw new Refused(missing);
    c.set("principal", principal);
    return next();
  };
}

function requireToken(access: TokenAccess): MiddlewareHandler<Api> {
  return async (c, next) => {
    await admitToken(c, access);
    return next();
  };
}
