/** What may be done in this room, and from which role on. */
import { defineScopes, FROM } from "../shared/scopes.ts";

export const SCOPES = defineScopes({
  "webhooks:read": FROM.viewer,
  "webhooks:write": FROM.developer,
});

declare module "../shared/scopes.ts" {
  interface Scopes extends Readonly<Record<keyof typeof SCOPES, readonly Role[]>> {}
}
