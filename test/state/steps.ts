/** Words in which the situations are written. */
import type { TaskView } from "../../src/tasks/views/task-view.ts";
import type { Begun, Situation, Stage } from "./situation.ts";

/** A step that the agent of this name is asked to do. */
export const ask = (agent: string, id: string, more: object = {}): object => ({ id, agent, ...more });
export const quick = (id: string, more: object = {}): object => ask("quick", id, more);
export const held = (id: string, more: object = {}): object => ask("held", id, more);
export const signal = (id: string, more: object = {}): object => ({ id, type: "signal", name: id, ...more });
/** Whose result is the same for every step that asks so. */
export const cached = (id: string): object => held(id, { input: { q: 1 }, cache: { ttl: "1h" } });
export const after = (...needs: readonly string[]): object => ({ needs });
/** As long as anything may take. */
export const LONG = "365d";
/** Later than the end of the recording, and long past when the folder goes on. */
export const SOON = "2m";

/** What the agents answer. */
export const answer = (step: string, input: unknown = {}): object => ({ step, input });

export const submit =
  (body: object) =>
  async ({ server }: Stage): Promise<Begun> => ({ id: await server.submit(body) });

export const steps = (...steps: readonly object[]): object => ({ workflow: { steps } });

export const isCalled =
  (...steps: readonly string[]): Situation["isThere"] =>
  ({ id }, { endpoints }) =>
    steps.every((step) => endpoints.callsOf(id, step).length > 0);

export const waitsOn =
  (type: string): Situation["isThere"] =>
  ({ waiting_on }) =>
    waiting_on?.type === type;

export const isEnded: Situation["isThere"] = ({ finished_at }: TaskView) => finished_at !== null;

export const tell =
  (name: string, payload: unknown = null): NonNullable<Situation["goOn"]> =>
  ({ id }, { server }) =>
    server.call("POST", `/tasks/${id}/signals/${name}`, { payload });

/** The agent answers by its callback. */
export async function answerLater(callback: string, output: unknown, stage: Stage): Promise<void> {
  await callBack(`${callback}/complete`, { output }, stage);
}

/** The agent says how far it has come, and hears until when it is trusted. */
export async function leaseOf(callback: string, stage: Stage): Promise<number> {
  const { lease_until } = await callBack(`${callback}/heartbeat`, { progress: { done: 0.5 } }, stage);
  return Date.parse(lease_until);
}

async function callBack(path: string, body: object, { server }: Stage): Promise<{ readonly lease_until: string }> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(server.origin + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { readonly lease_until: string };
}

interface Claimed {
  readonly attempts: readonly { readonly task_id: string; readonly context: { readonly callback_url: string } }[];
}

/** A worker of the agent that pulls gets work. */
export async function claim({ server, keys }: Stage): Promise<{ readonly task: string; readonly callback: string }> {
  const headers = { authorization: `Bearer ${keys.puller}` };
  const response = await server.fetch("/agents/puller/claim?wait=20s", { method: "POST", body: JSON.stringify({ max: 1 }), headers });
  const { attempts } = (await response.json()) as Claimed;
  const [attempt] = attempts;
  if (attempt === undefined) throw new Error("There was no work to claim");
  return { task: attempt.task_id, callback: new URL(attempt.context.callback_url).pathname };
}
