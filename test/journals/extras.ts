/** Tasks that go as no example does: they wait in vain, are stopped, or are rescued. What they need is the echo and an agent that is not there. */
import type { Orchestrator } from "../../examples/setup/orchestrator.ts";

interface Extra {
  readonly task: { readonly workflow: { readonly name: string } & Readonly<Record<string, unknown>> } & Readonly<Record<string, unknown>>;
  readonly meanwhile?: (orchestrator: Orchestrator, id: string) => Promise<unknown>;
}

const echo = (id: string, more: object = {}) => ({ id, agent: "echo", ...more });

export const EXTRAS: readonly Extra[] = [
  {
    task: {
      workflow: { name: "stopped", steps: [echo("first", { compensate: { agent: "echo" } }), { id: "go", type: "signal", name: "go" }] },
    },
    meanwhile: async (orchestrator, id) => {
      await orchestrator.call("POST", `/tasks/${id}/pause`, {});
      await orchestrator.call("POST", `/tasks/${id}/resume`, {});
      await orchestrator.call("POST", `/tasks/${id}/cancel`, { reason: "enough" });
    },
  },
  { task: { workflow: { name: "unstaffed", steps: [{ id: "a", capability: "juggling" }] }, queue_ttl: "1s" } },
  { task: { workflow: { name: "late", steps: [echo("a"), { id: "b", type: "wait", for: "1h", needs: ["a"] }] }, deadline: "1s" } },
  {
    task: {
      workflow: {
        name: "rescued",
        steps: [
          { id: "asked", agent: "nobody-there", retry: { max_attempts: 2, delay: "100ms" }, fallback: [{ agent: "echo" }] },
          { id: "spared", agent: "nobody-there", retry: { max_attempts: 1 }, on_error: { output: { spared: true } } },
          { id: "lost", agent: "nobody-there", retry: { max_attempts: 1 }, on_error: "continue" },
          echo("mourned", { needs: ["lost"], run_if: "any_failed", input: { why: "${ steps.lost.error.code }" } }),
          { id: "short", type: "end", status: "completed", needs: ["asked", "spared", "mourned"], output: "${ steps.asked.output }" },
          { id: "cut", type: "wait", for: "1h" },
        ],
      },
      input: { text: "grüß dich, 世界" },
    },
  },
  {
    task: {
      workflow: {
        name: "family",
        steps: [echo("before"), { id: "sub", type: "workflow", workflow: "troubled", needs: ["before"], input: { n: 1 } }],
      },
    },
  },
  {
    task: {
      workflow: {
        name: "switched",
        steps: [
          { id: "each", type: "map", over: [1, 2, 3], steps: [echo("one", { input: { n: "${ item }" } })] },
          {
            id: "which",
            type: "switch",
            needs: ["each"],
            cases: [{ when: "size(steps.each.output) > 5", steps: [echo("many")] }],
            default: { steps: [echo("few", { input: "${ steps.each.output }" })] },
          },
          { id: "nap", type: "wait", for: "100ms", needs: ["which"] },
        ],
      },
    },
  },
];

/** What they refer to. */
export async function prepareExtras(orchestrator: Orchestrator): Promise<void> {
  await orchestrator.call("PUT", "/agents/nobody-there", { url: "http://127.0.0.1:9/", capabilities: ["absence"] });
  const troubled = [echo("start"), { id: "trouble", agent: "nobody-there", needs: ["start"], retry: { max_attempts: 1 } }];
  await orchestrator.call("PUT", "/workflows/troubled", { steps: troubled });
}
