/** What a registration's shape cannot say: whether its URLs may be called and its schemas can be applied. */
import type { Fault } from "../../shared/errors.ts";
import { pointer } from "../../shared/json.ts";
import { schemaProblem, type JsonSchema } from "../../shared/json-schema.ts";
import { LIMITS } from "../limits.ts";
import type { AgentRegistration } from "./registration.ts";
import { brokenUrlRule, type UrlPolicy } from "../../shared/url-guard.ts";

export function registrationFaults(registration: AgentRegistration, policy: UrlPolicy): readonly Fault[] {
  return [...urlFaults(registration, policy), ...schemaFaults(registration)];
}

function urlFaults({ url, cancel_url, health }: AgentRegistration, policy: UrlPolicy): readonly Fault[] {
  const urls = { "/url": url, "/cancel_url": cancel_url, "/health/url": health?.url };
  return Object.entries(urls).flatMap(([at, text]): readonly Fault[] => {
    const rule = text === undefined ? null : brokenUrlRule(text, policy);
    return rule === null ? [] : [{ pointer: at, message: `the URL is not allowed: ${rule}`, code: "url_refused" }];
  });
}

function schemaFaults({ capabilities = [] }: AgentRegistration): readonly Fault[] {
  return capabilities.flatMap((offered, index): readonly Fault[] => {
    if (typeof offered === "string") return [];
    return (["input_schema", "output_schema"] as const).flatMap((field): readonly Fault[] => {
      const schema = offered[field];
      const message = schema === undefined ? null : problemOf(schema);
      return message === null ? [] : [{ pointer: pointer("capabilities", index, field), message, code: "invalid_schema" }];
    });
  });
}

function problemOf(schema: JsonSchema): string | null {
  if (JSON.stringify(schema).length > LIMITS.capabilitySchemaBytes) return `a schema is at most ${LIMITS.capabilitySchemaBytes} bytes`;
  const problem = schemaProblem(schema);
  return problem === null ? null : `it is no JSON Schema that can be applied: ${problem}`;
}
