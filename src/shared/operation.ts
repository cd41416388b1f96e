/**
 * What can be done, by whoever may: requests, bulk orders, schedules, other tasks and whatever comes to call later use the
 * same operations. Each says which scope it needs, and that is checked here and nowhere else, whoever calls.
 */
import type { Actor } from "./actor.ts";
import { rejection, type Rejection } from "./errors.ts";
import { err, type Result } from "./result.ts";
import type { Scope } from "./scopes.ts";

export interface Operation<S, A extends readonly unknown[], R> {
  (actor: Actor, services: S, ...rest: A): Promise<Result<R, Rejection>>;
  readonly scope: Scope;
}

export function operation<S, A extends readonly unknown[], R>(
  scope: Scope,
  run: (actor: Actor, services: S, ...rest: A) => Promise<Result<R, Rejection>>,
): Operation<S, A, R> {
  const checked = async (actor: Actor, services: S, ...rest: A): Promise<Result<R, Rejection>> => {
    const missing = missingScope(actor, scope);
    return missing === null ? run(actor, services, ...rest) : err(missing);
  };
  return Object.assign(checked, { scope });
}

/** Why an actor may not do what needs a scope; `null` when it may. */
export function missingScope({ scopes, roles }: Actor, scope: Scope): Rejection | null {
  if (scopes.has(scope)) return null;
  const detail = `This needs the scope "${scope}"; the credentials have the roles ${roles.join(", ")}`;
  return rejection("forbidden", detail, { facts: { required_scope: scope } });
}
