/** What is registered in a state folder. */
import type { Server } from "../e2e/processes.ts";
import { SIGNING_SECRET } from "./endpoints.ts";

const BEARER = "what-the-agents-know";

/** Agents by id: how they behave, and what else is registered of them. */
export const AGENTS: Readonly<Record<string, { readonly path: string } & Readonly<Record<string, unknown>>>> = {
  quick: { path: "/answers", dispatch: "inline" },
  held: { path: "/held", dispatch: "inline", price: { per_call_usd: 0.4 } },
  queued: { path: "/held", dispatch: "queue" },
  later: { path: "/later", dispatch: "inline", limits: { max_concurrency: 5 } },
  flaky: { path: "/flaky", dispatch: "inline" },
  refusing: { path: "/refuses", dispatch: "inline" },
  narrow: { path: "/held", dispatch: "inline", limits: { max_concurrency: 1 } },
  "choir-1": { path: "/answers", dispatch: "inline", capabilities: ["choir"] },
  "choir-2": { path: "/held", dispatch: "inline", capabilities: ["choir"] },
  "choir-3": { path: "/answers", dispatch: "inline", capabilities: ["choir"] },
  "pair-1": { path: "/held", dispatch: "inline", capabilities: ["pair"], expected_latency: "100ms" },
  "pair-2": { path: "/held", dispatch: "inline", capabilities: ["pair"], expected_latency: "100ms" },
};

export const agentAt = (port: number, id: string, path: string, more: object = {}): object => ({
  url: `http://127.0.0.1:${port}${path}?as=${id}`,
  capabilities: [id],
  signing_secret: SIGNING_SECRET,
  auth: { type: "bearer", value: BEARER },
  labels: { of: "the-state-folder" },
  ...more,
});

export const WORKFLOWS: Readonly<Record<string, object>> = {
  child: {
    steps: [
      { id: "ready", type: "signal", name: "ready" },
      { id: "made", agent: "quick", needs: ["ready"], input: { of: "${ input.of }" } },
    ],
    output: { made: "${ steps.made.output.input.of }", word: "${ steps.ready.output }" },
  },
  next: { steps: [{ id: "follow", agent: "quick", input: { after: "${ input.after }" } }] },
};

/** Versions of one workflow. */
const STUDY = [1, 2].map((version) => ({ steps: [{ id: "a", type: "transform", output: { version } }], output: "${ steps.a.output }" }));

export interface Keys {
  readonly operator: string;
  readonly puller: string;
  readonly acme: string;
}

export async function register(server: Server, port: number): Promise<Keys> {
  for (const [id, { path, ...more }] of Object.entries(AGENTS)) await server.call("PUT", `/agents/${id}`, agentAt(port, id, path, more));
  await server.call("PUT", "/agents/puller", { kind: "pull", capabilities: ["puller"], limits: { max_concurrency: 1 } });
  for (const [name, workflow] of Object.entries(WORKFLOWS)) await server.call("PUT", `/workflows/${name}`, workflow);
  for (const version of STUDY) await server.call("PUT", "/workflows/study", version);
  await server.call("PUT", "/workflows/study/channels/stable", { version: 1 });
  const url = `http://127.0.0.1:${port}/hook?as=registered`;
  await server.call("POST", "/webhooks", { url, secret: SIGNING_SECRET, description: "all ends" });
  const task = { workflow: { steps: [{ id: "at", type: "transform", output: "${ task.scheduled_at }" }] } };
  await server.call("PUT", "/schedules/minutely", { every: "1m", catch_up: "one", task });
  await server.call("PUT", "/schedules/nightly", { cron: "0 2 * * *", timezone: "Europe/Ljubljana", task: { type: "study" } });
  await server.call("POST", "/schedules/nightly/pause", {});
  const made = async (body: object): Promise<string> => (await server.call<{ key: string }>("POST", "/keys", body)).key;
  return {
    operator: await made({ name: "an operator", roles: ["operator"] }),
    puller: await made({ name: "a worker", roles: ["agent"], agent: "puller" }),
    acme: await made({ name: "somebody else", tenant: "acme", roles: ["admin"] }),
  };
}
