/** What is done with kept results. */
import { operation } from "../shared/operation.ts";
import { ok } from "../shared/result.ts";
import type { CacheGateway } from "./gateway.ts";
import type { CacheServices } from "./services.ts";

/** How many there were. From the answer on nobody gets one of those. */
export const invalidateResults = operation(
  "tasks:write",
  async (actor, { cache }: CacheServices, named: Parameters<CacheGateway["invalidate"]>[1]) =>
    ok(await cache.invalidate(actor.tenant, named)),
);
