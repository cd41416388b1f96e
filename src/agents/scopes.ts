/** What may be done in this room, and from which role on. */
import { defineScopes, FROM } from "../shared/scopes.ts";

export const SCOPES = defineScopes({
  "agents:read": FROM.viewer,
  "agents:write": FROM.developer,
  /** Agents' workers take work and say that they are there, and nothing else. */
  "agents:work": ["agent", ...FROM.developer],
});

declare module "../shared/scopes.ts" {
  interface Scopes extends Readonly<Record<keyof typeof SCOPES, readonly Role[]>> {}
}
