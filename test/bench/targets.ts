/** What runs the work: this service, the bare equivalent, and Cloudflare Workflows, each behind one function. */
import { join } from "node:path";
import { ensureSettings } from "../../scripts/settings.ts";
import { launch, type Server } from "./server.ts";

export type Shape = "chain" | "fan";

export interface Work {
  readonly shape: Shape;
  readonly steps: number;
  /** How long the agent takes. */
  readonly ms?: number;
  readonly way?: "inline" | "queue";
  /** Awaited requests of the bare object at once; as many as it likes unless said. */
  readonly cap?: number;
}

export interface Target {
  readonly name: string;
  readonly server: Server;
  /** Runs the work to its end and checks the answer. Returns what names the run. */
  readonly run: (work: Work) => Promise<string>;
}

const root = join(import.meta.dirname, "..", "..");
const folder = join("test", "bench");

async function post<T>(url: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

const agentUrl = (agent: string, { ms = 0 }: Work): string => `${agent}/?ms=${ms}`;

/** The service, which keeps its own limit of awaited requests: six. */
export async function ours(port: number, state: string, agent: string): Promise<Target> {
  const key = ensureSettings(join(root, ".dev.vars"))["ROOT_API_KEY"] ?? "";
  const headers = { authorization: `Bearer ${key}` };
  const server = await launch({
    name: "ours",
    port,
    state,
    args: [join(folder, "ours.ts"), "--var", `ROOT_API_KEY:${key}`, "--var", "ALLOW_LOOPBACK_AGENTS:true"],
    migrate: true,
    ready: "/ready",
  });
  for (const way of ["inline", "queue"] as const)
    for (const ms of [0, 50])
      await post(
        `${server.url}/api/v1/agents`,
        { id: `${way}-${ms}`, url: agentUrl(agent, { shape: "fan", steps: 1, ms }), capabilities: [`${way}-${ms}`], dispatch: way },
        headers,
      );
  return {
    name: "ours",
    server,
    run: async ({ shape, steps, ms = 0, way = "inline" }) => {
      const workflow = {
        steps: Array.from({ length: steps }, (_, index) => ({
          id: `s${index}`,
          capability: `${way}-${ms}`,
          ...(shape === "chain" && index > 0 && { needs: [`s${index - 1}`] }),
        })),
      };
      const ended = await post<{ id: string; status: string; output: Record<string, unknown> }>(
        `${server.url}/api/v1/tasks?wait=60s`,
        { workflow },
        headers,
      );
      const outputs = shape === "chain" ? 1 : steps;
      if (ended.status !== "completed" || Object.keys(ended.output).length !== outputs) throw new Error(JSON.stringify(ended));
      return ended.id;
    },
  };
}

export async function bare(port: number, state: string, agent: string): Promise<Target> {
  const server = await launch({ name: "bare", port, state, args: ["-c", join(folder, "bare", "wrangler.toml")], ready: "/" });
  return { name: "bare", server, run: (work) => runPlain(server, work, agent) };
}

export async function workflows(port: number, state: string, agent: string): Promise<Target> {
  const server = await launch({ name: "workflows", port, state, args: ["-c", join(folder, "workflows", "wrangler.toml")], ready: "/" });
  return { name: "workflows", server, run: (work) => runPlain(server, work, agent) };
}

async function runPlain(server: Server, work: Work, agent: string): Promise<string> {
  const { shape, steps, cap } = work;
  const answer = await post<{ steps: number }>(server.url, { shape, steps, url: agentUrl(agent, work), ...(cap !== undefined && { cap }) });
  if (answer.steps !== steps) throw new Error(JSON.stringify(answer));
  return "";
}
