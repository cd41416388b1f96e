/** Who may copy what is registered, and put it back. */
import { defineScopes, FROM } from "../shared/scopes.ts";

export const SCOPES = defineScopes({
  "registry:export": FROM.admin,
  /** Beside the scopes of what is put back. */
  "registry:import": FROM.admin,
});

declare module "../shared/scopes.ts" {
  interface Scopes extends Readonly<Record<keyof typeof SCOPES, readonly Role[]>> {}
}
