import type { Base, Room } from "../http/room-manifest.ts";
import type { RegisteredKind } from "../records/registered.ts";
import { LIMITS } from "./limits.ts";
import { backupRoutes } from "./routes.ts";
import { SCOPES } from "./scopes.ts";
import type { BackupServices } from "./services.ts";

export const backupRoom = {
  name: "backup",
  limits: LIMITS,
  tags: { registry: "Everything that is registered, as a file" },
  scopes: SCOPES,
  routes: backupRoutes,
} as const satisfies Room;

/** `registered`: in an order in which they can be put back. */
export function openBackup({ config: { keyring } }: Base, registered: readonly RegisteredKind[]) {
  const services: BackupServices = { registered, keyring };
  return { services };
}
