/** What a room tells the rest of the service about itself. `rooms.ts` lists them; nothing else knows all of them. */
import type { RouteConfig } from "@hono/zod-openapi";
import type { Meaning } from "../shared/errors.ts";
import type { Role } from "../shared/scopes.ts";

export interface Room {
  readonly name: string;
  /** Its bounds, and those of what it stands on. */
  readonly limits: object;
  /** The codes that callers are told by it alone. */
  readonly rejections?: Readonly<Record<string, Meaning>>;
  /** What may be done in it, and which roles may. */
  readonly scopes?: Readonly<Record<string, readonly Role[]>>;
  /** The resources of its routes, by the first part of their path. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Requests that it makes of others, for the document. */
  readonly sends?: readonly RouteConfig[];
  /** Its part of the API, a router. */
  readonly routes?: { readonly routes: readonly { readonly method: string; readonly path: string }[] };
}
