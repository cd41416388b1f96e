/** What a room tells the rest of the service about itself. `rooms.ts` lists them; nothing else knows all of them. */
import type { Meaning } from "./errors.ts";
import type { Role } from "./scopes.ts";

export interface Room {
  readonly name: string;
  /** Its bounds, and those of what it stands on. */
  readonly limits: object;
  /** The codes that callers are told by it alone. */
  readonly rejections?: Readonly<Record<string, Meaning>>;
  /** What may be done in it, and which roles may. */
  readonly scopes?: Readonly<Record<string, readonly Role[]>>;
}
