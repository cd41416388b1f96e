/** `/registry`: everything that is registered in a tenant, as files that can be put back. */
import { z } from "@hono/zod-openapi";
import { cursorAt, readCursor } from "../http/page.ts";
import { accepted } from "../http/problem.ts";
import { createRouter, defineRoute, json } from "../http/route.ts";
import type { FilePosition } from "./export-file.ts";
import { headerText } from "./file-line.ts";
import { LIMITS } from "./limits.ts";
import { exportRegistry, importRegistry } from "./operations.ts";
import type { BackupServices } from "./services.ts";

const exportRoute = defineRoute({
  method: "get",
  path: "/registry/export",
  operationId: "exportRegistry",
  summary: "Copy what is registered",
  description:
    "Agents, workflows with their versions and channels, webhooks, keys and schedules of the tenant. NDJSON: a header, then `{kind, record, proof}` for each, 200 at most. Where the header has a `next_cursor`, another file follows. Secrets stay sealed under `ENCRYPTION_KEYS`, keys are hashes.",
  access: exportRegistry.scope,
  request: {
    query: z.strictObject({
      cursor: z.string().max(1_000).optional().openapi({ description: "`next_cursor` in the header of the previous file" }),
    }),
  },
  responses: { 200: { description: "A file", content: { "application/x-ndjson": { schema: z.string() } } } },
});

const count = z.int();
const counts = z.object({ created: count, replaced: count, unchanged: count, refused: count });
const imported = z
  .object({
    counts: z.record(z.string(), counts).openapi({ description: "By kind" }),
    refused: z
      .array(
        z.object({
          line: count.openapi({ description: "The header is line 1" }),
          kind: z.string(),
          name: z.string(),
          code: z.string(),
          reason: z.string(),
        }),
      )
      .readonly(),
  })
  .openapi("ImportedRegistry");

const importRoute = defineRoute({
  method: "post",
  path: "/registry/import",
  operationId: "importRegistry",
  summary: "Put back what was copied",
  description:
    "A file of `/registry/export` of this tenant. It is checked whole first: one that is not right changes nothing. Then each record comes about by itself: what is there alike stays, what is there otherwise is refused unless `overwrite` is true. The same file again changes nothing.",
  access: importRegistry.scope,
  maxBodyBytes: LIMITS.bodyBytes,
  request: {
    query: z.strictObject({
      overwrite: z
        .enum(["true", "false"])
        .optional()
        .openapi({ description: "Whether what is there otherwise is replaced: `false` by default" }),
    }),
    body: { required: true, content: { "application/x-ndjson": { schema: z.string() } } },
  },
  responses: { 200: json(imported, "What became of each record") },
});

export const backupRoutes = createRouter<BackupServices>()
  .openapi(exportRoute, async (c) => {
    const from = readCursor<FilePosition>(c, c.req.valid("query").cursor, z.tuple([z.string(), z.string().nullable()]));
    const { lines, next } = accepted(await exportRegistry(c.var.principal, c.var.services, from));
    const header = headerText(next === null ? null : cursorAt(c, next), Date.now());
    const headers = { "content-type": "application/x-ndjson", "content-disposition": 'attachment; filename="registry.ndjson"' };
    // The framework's types know JSON and text alone.
    return c.body([header, ...lines, ""].join("\n"), 200, headers) as never;
  })
  .openapi(importRoute, async (c) => {
    const overwrites = c.req.valid("query").overwrite === "true";
    const { counts: byKind, refused } = accepted(await importRegistry(c.var.principal, c.var.services, await c.req.text(), overwrites));
    return c.json({ counts: byKind, refused }, 200);
  });
