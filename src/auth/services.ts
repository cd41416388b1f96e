/** What this room's routes and operations work with. */
import type { ApiKeys } from "./keys.ts";

export interface KeyServices {
  readonly keys: ApiKeys;
}
