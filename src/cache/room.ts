import type { Base, Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { cacheRoutes } from "./routes.ts";
import type { CachePorts } from "./cache-contract.ts";
import { CacheGateway } from "./gateway.ts";
import type { CacheObject } from "./cache-object.ts";

export const cacheRoom = {
  name: "cache",
  limits: LIMITS,
  tags: { cache: "Results that are kept" },
  routes: cacheRoutes,
} as const satisfies Room;

declare global {
  namespace Cloudflare {
    interface Env {
      readonly RESULTS: DurableObjectNamespace<CacheObject<Env>>;
    }
  }
}

/** `ports`: the tasks that ask and bring. */
export function openCache({ env }: Base, ports: CachePorts) {
  return { services: { cache: new CacheGateway(env.RESULTS) }, ports };
}
