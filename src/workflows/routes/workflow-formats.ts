/** A version as JSON, or its definition alone: as YAML to be edited, or as a diagram to be looked at. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { rejection } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { writeYaml } from "../../shared/yaml.ts";
import { mermaidOf } from "../mermaid.ts";
import { accepted, Refused } from "../../http/problem.ts";
import type { Api } from "../../http/route.ts";
import type { WorkflowServices } from "../services.ts";

const FORMATS = ["json", "yaml", "mermaid"] as const;
type Format = (typeof FORMATS)[number];

export const formatQuery = z.strictObject({
  format: z
    .enum(FORMATS)
    .optional()
    .openapi({ description: "`yaml` (also by `Accept: application/yaml`) and `mermaid` are the definition alone" }),
});

/** The response of a route that answers in every format. */
export function inFormats<T extends z.ZodType>(schema: T, description: string) {
  return {
    description,
    content: {
      "application/json": { schema },
      "application/yaml": { schema: z.string() },
      "text/plain": { schema: z.string().openapi({ description: "A Mermaid flowchart" }) },
    },
  };
}

/** The definition in the format that was asked for; `null` when that is JSON. */
export function definitionResponse(c: Context<Api<WorkflowServices>>, asked: Format | undefined, definition: string): Response | null {
  const preferred = accepts(c, { header: "Accept", supports: ["application/json", "application/yaml"], default: "application/json" });
  c.header("Vary", "Accept");
  switch (asked ?? (preferred === "application/yaml" ? "yaml" : "json")) {
    case "json":
      return null;
    case "yaml": {
      const yaml = writeYaml(JSON.parse(definition) as JsonObject);
      if (yaml === null)
        throw new Refused(rejection("limit_reached", `YAML is written up to ${LIMITS.yamlValues} values; read it as JSON`));
      return c.body(yaml, 200, { "content-type": "application/yaml" });
    }
    case "mermaid":
      return c.body(accepted(mermaidOf(JSON.parse(definition) as JsonObject)), 200, { "content-type": "text/plain; charset=utf-8" });
  }
}
