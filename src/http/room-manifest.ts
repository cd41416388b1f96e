/** What a room tells the rest of the service about itself. `rooms.ts` lists them; nothing else knows all of them. */
import type { RouteConfig } from "@hono/zod-openapi";
import type { WorkflowDefinition } from "../language/definition.ts";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { Config } from "../shared/config.ts";
import type { UrlPolicy } from "../shared/url-guard.ts";
import type { Meaning } from "../shared/errors.ts";
import type { Role } from "../shared/scopes.ts";

/** What a room is opened with: the platform's bindings, the settings, and what is made of them once. */
export interface Base {
  readonly env: Cloudflare.Env;
  readonly config: Config;
  readonly db: DrizzleD1Database & { readonly $client: D1Database };
  readonly urlPolicy: UrlPolicy;
}

declare global {
  namespace Cloudflare {
    /** The bindings of `wrangler.toml` that several rooms use. Each room adds its own. */
    interface Env {
      readonly DB: D1Database;
      readonly CACHE: KVNamespace;
    }
  }
}

export interface Room {
  readonly name: string;
  /** Its bounds, and those of what it stands on. */
  readonly limits: object;
  /** The codes that callers are told by it alone. */
  readonly rejections?: Readonly<Record<string, Meaning>>;
  /** What may be done in it, and which roles may. */
  readonly scopes?: Readonly<Record<string, readonly Role[]>>;
  /** Workflows that are there from the start because of it. */
  readonly workflows?: readonly WorkflowDefinition[];
  /** The resources of its routes, by the first part of their path. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Requests that it makes of others, for the document. */
  readonly sends?: readonly RouteConfig[];
  /** Its part of the API, a router. */
  readonly routes?: { readonly routes: readonly { readonly method: string; readonly path: string }[] };
}
