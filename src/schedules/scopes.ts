/** What may be done in this room, and from which role on. */
import { defineScopes, FROM } from "../shared/scopes.ts";

export const SCOPES = defineScopes({
  "schedules:read": FROM.viewer,
  "schedules:write": FROM.developer,
  "schedules:run": FROM.operator,
});

declare module "../shared/scopes.ts" {
  interface Scopes extends Readonly<Record<keyof typeof SCOPES, readonly Role[]>> {}
}
