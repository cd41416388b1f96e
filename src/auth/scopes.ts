/** What may be done with keys, and from which role on. */
import { defineScopes, FROM } from "../shared/scopes.ts";

export const SCOPES = defineScopes({
  "keys:read": FROM.admin,
  "keys:write": FROM.admin,
  /** The root key alone: no role holds it. */
  "tenants:manage": [],
});

declare module "../shared/scopes.ts" {
  interface Scopes extends Readonly<Record<keyof typeof SCOPES, readonly Role[]>> {}
}
