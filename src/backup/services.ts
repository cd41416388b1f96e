/** What this room's routes and operations work with. */
import type { RegisteredKind } from "../records/registered.ts";
import type { Keyring } from "../shared/keyring.ts";

export interface BackupServices {
  /** What each room lends, in an order in which they can be put back. */
  readonly registered: readonly RegisteredKind[];
  readonly keyring: Keyring;
}
