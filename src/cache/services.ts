/** What this room's routes and operations work with. */
import type { CacheGateway } from "./gateway.ts";

export interface CacheServices {
  readonly cache: CacheGateway;
}
