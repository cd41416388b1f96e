/** What the flight recorder answers. */
import { z } from "@hono/zod-openapi";

const changeOf = <T extends z.ZodType>(schema: T) => z.object({ from: schema, to: schema });
const usage = z.record(z.string(), z.number());

const valueChange = z
  .union([
    z.object({
      changes: z
        .array(
          z.object({
            op: z.enum(["add", "remove", "replace"]),
            path: z.string(),
            value: z.unknown().optional(),
            value_bytes: z.int().optional(),
            old: z.unknown().optional(),
            old_bytes: z.int().optional(),
          }),
        )
        .readonly(),
      more: z.literal(true).optional(),
    }),
    z.object({ bytes: changeOf(z.int().nullable()), unknown: z.literal(true).optional() }),
  ])
  .openapi("ValueChange", {
    description:
      "Operations as in JSON Patch, with what was there before (`old`); of values too large for that only their sizes, and `unknown` where not even that they differ is known",
  });

const error = z.object({ code: z.string(), message: z.string(), step_id: z.string().optional() });

const stepDiff = z.object({
  id: z.string(),
  only_in: z.enum(["task", "with"]).optional(),
  type: changeOf(z.string()).optional(),
  status: changeOf(z.string()).optional(),
  agent: changeOf(z.string().nullable()).optional(),
  attempts: changeOf(z.int()).optional(),
  reason: changeOf(z.string().nullable()).optional(),
  error: changeOf(z.string().nullable()).optional(),
  output: valueChange.optional(),
  usage: changeOf(usage.nullable()).optional(),
  duration_ms: changeOf(z.int().nullable()).optional(),
});

export const taskDiff = z
  .object({
    task: z.string(),
    with: z.string(),
    same: z.boolean().openapi({ description: "Nothing but times differs" }),
    status: changeOf(z.string()).optional(),
    type: changeOf(z.string().nullable()).optional(),
    workflow: changeOf(z.object({ name: z.string().nullable(), version: z.int().nullable() })).optional(),
    error: changeOf(error.nullable()).optional(),
    duration_ms: changeOf(z.int().nullable()),
    usage: changeOf(usage.nullable()).optional(),
    input: valueChange.optional(),
    definition: valueChange.optional(),
    output: valueChange.optional(),
    steps: z.array(stepDiff).readonly(),
    more_steps: z.int().optional(),
    same_steps: z.int(),
    kept: z.array(z.string()).readonly().openapi({ description: "Steps that are alike because one task has them from the other" }),
  })
  .openapi("TaskDiff");

const told = z.object({ type: z.string(), step_id: z.string().optional(), data: z.record(z.string(), z.unknown()) }).nullable();

export const playedAgain = z
  .object({
    events: z.int().openapi({ description: "How many agree" }),
    matches: z.boolean(),
    divergence: z
      .object({ seq: z.int(), at: z.iso.datetime(), expected: told, got: told })
      .optional()
      .openapi({ description: "The first event that the journal (`expected`) and the engine (`got`) do not agree on" }),
  })
  .openapi("Replay");
