/** What is registered in D1: limits hold, however many come at once. */
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { LIMITS as AGENTS } from "../../src/agents/limits.ts";
import { LIMITS as KEYS } from "../../src/auth/limits.ts";
import { LIMITS as WORKFLOWS } from "../../src/workflows/limits.ts";
import { api } from "./harness.ts";

const echo = (input: unknown) => ({ steps: [{ id: "a", capability: "echo", input }], output: "${ steps.a.output }" });

const registrations = {
  agents: (index: number, key: Record<string, string>) =>
    api("PUT", `/agents/agent-${index}`, { url: "https://crowd.example/", capabilities: ["x"] }, key),
  workflows: (index: number, key: Record<string, string>) => api("PUT", `/workflows/workflow-${index}`, echo(index), key),
  versions: (index: number, key: Record<string, string>) => api("PUT", "/workflows/workflow-0", echo(index), key),
  keys: (_: number, key: Record<string, string>) => api("POST", "/keys", { name: "one of many", roles: ["viewer"] }, key),
};

/** Copies of the row that was registered first, all that a limit counts being as many as `?1`. */
const copies = {
  agents: `insert into agents (tenant, id, revision, record) select tenant, 'copy-' || i, revision, record from agents, n`,
  workflows: `insert into workflows (tenant, name, version, definition, created_at)
    select tenant, 'copy-' || i, version, definition, created_at from workflows, n`,
  versions: `insert into workflows (tenant, name, version, definition, created_at)
    select tenant, name, i + 1, definition, created_at from workflows, n`,
  keys: `insert into api_keys (hash, id, tenant, name, prefix, roles, created_at)
    select hash || i, id || i, tenant, name, prefix, roles, created_at from api_keys, n`,
};

const counts = {
  agents: "select count(*) as rows from agents where tenant = ?",
  workflows: "select count(*) as rows from workflows where tenant = ?",
  versions: "select count(*) as rows from workflows where tenant = ?",
  keys: "select count(*) as rows from api_keys where tenant = ?",
};

describe("the last place is given once, whoever comes at once, among", () => {
  test.each([
    ["agents", AGENTS.agentsPerTenant],
    ["workflows", WORKFLOWS.workflowsPerTenant],
    ["versions", WORKFLOWS.versionsPerWorkflow],
    ["keys", KEYS.keysPerTenant],
  ] as const)("%s", async (kind, most) => {
    const tenant = `crowded-${kind}`;
    const made = await api<{ key: string }>("POST", "/keys", { name: "test", roles: ["admin"], tenant });
    const key = { authorization: `Bearer ${made.body.key}` };
    if (kind !== "keys") expect((await registrations[kind](0, key)).status).toBe(201);
    const numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?1)";
    const filled = await env.DB.prepare(`${numbers} ${copies[kind]} where tenant = ?2`)
      .bind(most - 2, tenant)
      .run();
    expect(filled.meta.changes).toBeGreaterThanOrEqual(most - 2);

    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => registrations[kind](index + 1, key)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, ...Array<number>(19).fill(422)]);
    expect(answers.filter(({ status }) => status === 422).every(({ body }) => body["code"] === "limit_reached")).toBe(true);
    expect(await env.DB.prepare(counts[kind]).bind(tenant).first("rows")).toBe(most);
  });
});
