/** What runs the work: this service, the bare equivalent, and Cloudflare Workflows, each behind one function. */
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import type { AgentProcess } from "./agent-process.ts";
import { answerTo } from "./patience.ts";
import { launch, type Server } from "./server.ts";
import { chain, PATIENCE_MS, type Service } from "./service.ts";

export type Shape = "chain" | "fan";

export interface Work {
  readonly shape: Shape;
  readonly steps: number;
  /** How long the agent takes. */
  readonly ms?: number;
  readonly way?: "inline" | "queue" | "auto";
  /** Awaited requests of the bare object at once; as many as it likes unless said. */
  readonly cap?: number;
}

export interface Target {
  readonly name: string;
  readonly server: Server;
  /** Runs the work to its end and checks the answer. Returns what names the run. */
  readonly run: (work: Work) => Promise<string>;
}

const folder = join("test", "bench");

const agentUrl = ({ url }: AgentProcess, ms: number): string => `${url}/?ms=${ms}`;

/** How long agents take. */
const AGENT_MS = [0, 50, 500] as const;

export async function ours(service: Service, agent: AgentProcess, name = "ours"): Promise<Target> {
  for (const way of ["inline", "queue", "auto"] as const)
    for (const ms of AGENT_MS)
      await service.register(`${way}-${ms}`, { url: agentUrl(agent, ms), capabilities: [`${way}-${ms}`], dispatch: way });
  return {
    name,
    server: service.server,
    run: async ({ shape, steps, ms = 0, way = "inline" }) => {
      const step = { capability: `${way}-${ms}` };
      const workflow =
        shape === "chain" ? chain(steps, step) : { steps: Array.from({ length: steps }, (_, index) => ({ ...step, id: `s${index}` })) };
      const ended = await service.run(workflow);
      const outputs = shape === "chain" ? 1 : steps;
      if (ended.status !== "completed" || Object.keys(ended.output ?? {}).length !== outputs) throw new Error(JSON.stringify(ended));
      return ended.id;
    },
  };
}

/** An object per run and no engine, or Cloudflare Workflows. */
export async function plain(name: "bare" | "workflows", state: string, agent: AgentProcess): Promise<Target> {
  const server = await launch({ name, port: await freePort(), state, args: ["-c", join(folder, name, "wrangler.toml")], ready: "/" });
  return {
    name,
    server,
    run: async ({ shape, steps, ms = 0, cap }) => {
      const { status, text } = await answerTo(server.url, PATIENCE_MS, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ shape, steps, url: agentUrl(agent, ms), ...(cap !== undefined && { cap }) }),
      });
      if (status !== 200 || (JSON.parse(text) as { steps: number }).steps !== steps) throw new Error(`${name}: ${status} ${text}`);
      return "";
    },
  };
}
