/** What may be done in this room, and from which role on. */
import { defineScopes, FROM } from "../shared/scopes.ts";

export const SCOPES = defineScopes({
  "tasks:read": FROM.viewer,
  "tasks:write": FROM.operator,
  /** What is made again from the tasks, for a list that has lost them. */
  "tasks:relist": FROM.admin,
  "approvals:read": FROM.viewer,
  "approvals:decide": FROM.operator,
});

declare module "../shared/scopes.ts" {
  interface Scopes extends Readonly<Record<keyof typeof SCOPES, readonly Role[]>> {}
}
