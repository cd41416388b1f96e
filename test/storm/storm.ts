/**
 * The storm: a mixed load of tasks of many kinds by all ways to an agent, while the server is killed (SIGKILL) and started
 * again at random. Afterwards the records of the agents, of the webhook's receiver and of the callers say whether anything was
 * lost, done twice, untold, unasked or wrong.
 */
import { freePort } from "../../scripts/free-port.ts";
import { Server, until } from "../e2e/processes.ts";
import { Dice } from "../unit/workflows/plans/dice.ts";
import { pause, SECRET, StormAgents, type Asked, type Work } from "./agents.ts";
import { CHILD, getsNoFurther, jobBy, type Job } from "./work.ts";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import type { TaskView } from "../../src/tasks/views/task-view.ts";

export interface StormOptions {
  readonly seed: number;
  /** It goes on until it has lasted so long, or the server was killed so often. */
  readonly seconds: number;
  readonly kills: number;
  readonly progress?: (text: string) => void;
}

/** Each fault in a sentence. */
export interface StormReport {
  readonly kills: number;
  readonly accepted: number;
  readonly byKind: Readonly<Record<string, number>>;
  readonly calls: number;
  /** Accepted, and never ended. */
  readonly lost: readonly string[];
  /** Steps that completed twice, or went to agents under two keys, or were asked for after they had completed, or by two at once. */
  readonly twice: readonly string[];
  /** Ends that the webhook was not told of, and tasks that the list lacks or has with another status. */
  readonly untold: readonly string[];
  /** Approvals that nobody could find in the list of those that wait for people. */
  readonly unasked: readonly string[];
  /** Another end or result than it had to be. */
  readonly wrong: readonly string[];
}

interface Accepted {
  readonly id: string;
  readonly job: Job;
}

const CALLERS = 4;
const WORKERS = 2;
/** How long anything may take that is asked of a server which dies now and then. */
const INSIST_MS = 180_000;
const DRAIN_MS = 240_000;
/** Clocks of the journal and of an agent's record: the call may have left before the fact was written. */
const SLACK_MS = 50;

export async function storm({ seed, seconds, kills, progress = () => undefined }: StormOptions): Promise<StormReport> {
  const agents = new StormAgents();
  const port = await freePort();
  await agents.start(port);
  const server = await Server.start();
  const run = new Storm(server, agents, port, seed);
  try {
    await run.prepare();
    const killed = await run.rage(seconds, kills, progress);
    progress(`${run.accepted.length} tasks accepted; waiting for their ends`);
    return { kills: killed, ...(await run.reckon()) };
  } finally {
    run.isOver = true;
    await server.kill();
    agents.stop();
  }
}

class Storm {
  readonly accepted: Accepted[] = [];
  isOver = false;
  readonly #server: Server;
  readonly #agents: StormAgents;
  readonly #port: number;
  readonly #seed: number;
  /** Tasks that ask somebody, until the one who reads the list has found them there. */
  readonly #asking = new Set<string>();

  constructor(server: Server, agents: StormAgents, port: number, seed: number) {
    this.#server = server;
    this.#agents = agents;
    this.#port = port;
    this.#seed = seed;
  }

  async prepare(): Promise<void> {
    const put = (id: string, path: string, more: object = {}): Promise<unknown> =>
      this.#server.call("PUT", `/agents/${id}`, {
        url: `http://127.0.0.1:${this.#port}${path}`,
        capabilities: [id],
        signing_secret: SECRET,
        // A server that is killed hangs up on its agents: none of them is to be left alone for it.
        breaker: { consecutive: 1_000, failure_rate: 1, min_calls: 10_000 },
        ...more,
      });
    await put("inline", "/add?by=1", { dispatch: "inline" });
    await put("relayed", "/add?by=1&alone=true", { dispatch: "relay" });
    await put("queued", "/add?by=1", { dispatch: "queue" });
    await put("later", "/later?by=1", { dispatch: "inline" });
    await put("flaky", "/flaky?by=1", { dispatch: "inline" });
    await put("last", "/last?by=1", { dispatch: "inline" });
    await put("refuses", "/refuses", { dispatch: "inline" });
    for (const id of ["crew-1", "crew-2"]) await put(id, "/add?by=1", { capabilities: ["crew"] });
    await this.#server.call("PUT", "/agents/pulled", { kind: "pull", capabilities: ["pulled"] });
    await this.#server.call("PUT", "/workflows/storm-child", CHILD);
    await this.#server.call("POST", "/webhooks", { url: `http://127.0.0.1:${this.#port}/hook`, secret: SECRET });
  }

  /** Returns how often the server was killed. */
  async rage(seconds: number, kills: number, progress: (text: string) => void): Promise<number> {
    for (let worker = 0; worker < WORKERS; worker++) void this.#pull();
    void this.#decide();
    const until = Date.now() + seconds * 1_000;
    const dice = new Dice(this.#seed);
    let [isRaging, killed] = [true, 0];
    for (const name of ["one", "two", "three"]) await this.#submit(getsNoFurther(name), name);
    const callers = Array.from({ length: CALLERS }, (_, caller) => this.#submitUntil(() => !isRaging, caller));
    while (Date.now() < until && killed < kills) {
      await pause(1_000 + dice.below(4_000));
      await this.#server.kill();
      progress(`kill ${++killed}, ${this.accepted.length} tasks accepted`);
      await this.#server.start();
    }
    isRaging = false;
    this.#agents.calmDown();
    await Promise.all(callers);
    return killed;
  }

  async #submitUntil(isOver: () => boolean, caller: number): Promise<void> {
    const dice = new Dice(this.#seed * CALLERS + caller + 1);
    const followed: Promise<unknown>[] = [];
    for (let count = 0; !isOver(); count++) {
      const name = `${caller}-${count}`;
      const job = jobBy(dice, name);
      followed.push(this.#follow(await this.#submit(job, name)));
      await pause(dice.below(200));
    }
    await Promise.all(followed);
  }

  async #submit(job: Job, name: string): Promise<Accepted> {
    const { body } = await this.#insist("POST", "/tasks", job.body, { "idempotency-key": `storm ${name}` });
    const accepted = { id: (body as { readonly id: string }).id, job };
    this.accepted.push(accepted);
    return accepted;
  }

  /** Does what somebody has to do for it. */
  async #follow({ id, job }: Accepted): Promise<void> {
    switch (job.needs) {
      case "signal": {
        const { n } = (job.body as { readonly input: { readonly n: number } }).input;
        await this.#insist("POST", `/tasks/${id}/signals/go`, { payload: n }, { "idempotency-key": "go" });
        return;
      }
      case "approval":
        this.#asking.add(id);
        return;
      case "cancel":
        await this.#insist("POST", `/tasks/${id}/cancel`, {});
        return;
      case undefined:
    }
  }

  /** Somebody who approves whatever the list of approvals has, and knows of nothing else. */
  async #decide(): Promise<void> {
    while (!this.isOver) {
      const { body } = await this.#insist("GET", "/approvals?status=pending&limit=100").catch(() => ({ body: { data: [] } }));
      for (const { id, task_id: task } of (body as { readonly data: readonly { readonly id: string; readonly task_id: string }[] }).data) {
        const { status } = await this.#insist("POST", `/approvals/${id}/decide`, { decision: "approve" }).catch(() => ({ status: 0 }));
        if (status === 200) this.#asking.delete(task);
      }
      await pause(500);
    }
  }

  /** A worker of the agent that pulls. */
  async #pull(): Promise<void> {
    while (!this.isOver) {
      const answer = await this.#server
        .fetch("/agents/pulled/claim?wait=5s", { method: "POST", body: JSON.stringify({ max: 2 }), signal: AbortSignal.timeout(20_000) })
        .then((response) => response.json<{ readonly attempts?: readonly PulledWork[] }>())
        .catch(() => null);
      for (const work of answer?.attempts ?? []) {
        this.#agents.note("pulled", work, work.idempotency_key);
        await this.#agents.callBack(work, work.idempotency_key, 1);
      }
      if (answer === null) await pause(200);
    }
  }

  /** Asks until there is an answer that another try would not change. */
  async #insist(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    return until(
      `an answer to ${method} ${path}`,
      async () => {
        try {
          const response = await this.#server.fetch(path, {
            method,
            headers,
            ...(body && { body: JSON.stringify(body) }),
            signal: AbortSignal.timeout(20_000),
          });
          if (response.status >= 500 || response.status === 429) return null;
          return { status: response.status, body: await response.json() };
        } catch {
          return null; // nobody is there
        }
      },
      INSIST_MS,
    );
  }

  /** Waits for every end, and compares all records. */
  async reckon(): Promise<Omit<StormReport, "kills">> {
    const [lost, twice, wrong]: [string[], string[], string[]] = [[], [], []];
    const end = Date.now() + DRAIN_MS;
    const calls = Map.groupBy(this.#agents.asked, ({ task }) => task);
    for (const { id, job } of this.accepted) {
      const ended = await this.#server.ended(id, Math.max(1_000, end - Date.now())).catch(() => null);
      if (ended === null) {
        lost.push(`${id} (${job.kind}) is ${JSON.stringify(await this.#server.task(id).catch(String)).slice(0, 500)}`);
        continue;
      }
      const problem = await this.#wrongIn(ended, job);
      if (problem !== null) wrong.push(`${id} (${job.kind}): ${problem}`);
    }
    for (const { id, job } of this.accepted)
      twice.push(
        ...twiceIn(await this.#server.events(id).catch(() => []), calls.get(id) ?? [], this.#agents.heard).map(
          (fault) => `${id} (${job.kind}): ${fault}`,
        ),
      );
    const isTold = ({ id }: Accepted): boolean => this.#agents.told.has(id);
    await until("the webhook to be told of all ends", () => this.accepted.every(isTold), 60_000).catch(() => undefined);
    const untold = this.accepted.filter((accepted) => !isTold(accepted)).map(({ id, job }) => `${id} (${job.kind}): its end`);
    await until("the list to have all ends", async () => (await this.#unlisted()).length === 0, 60_000).catch(() => undefined);
    untold.push(...(await this.#unlisted()));
    const unasked = [...this.#asking].map((id) => `${id} asks somebody, and no list has it`);
    const ids = this.accepted.map(({ id }) => id);
    twice.push(...this.#agents.crowded.map((key) => `${key} had two callers at once`));
    if (new Set(ids).size !== ids.length) twice.push("Two submissions have one task");
    if (this.#agents.unsigned > 0) wrong.push(`${this.#agents.unsigned} requests were not signed`);
    const byKind = Object.fromEntries([...Map.groupBy(this.accepted, ({ job }) => job.kind)].map(([kind, all]) => [kind, all.length]));
    return { accepted: ids.length, byKind, calls: this.#agents.asked.length, lost, twice, untold, unasked, wrong };
  }

  /** Tasks that the list lacks, or does not have as ended. */
  async #unlisted(): Promise<readonly string[]> {
    const listed = new Map<string, string>();
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: TaskPage = await this.#server.call<TaskPage>(
        "GET",
        `/tasks?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      for (const { id, status } of page.data) listed.set(id, status);
      cursor = page.next_cursor;
    }
    return this.accepted.flatMap(({ id, job }) => {
      const status = listed.get(id);
      return status !== undefined && job.ends.includes(status) ? [] : [`${id} (${job.kind}): the list has it as ${status ?? "nothing"}`];
    });
  }

  async #wrongIn(task: TaskView, job: Job): Promise<string | null> {
    if (!job.ends.includes(task.status)) return `${task.status}, ${JSON.stringify(task.error)}`;
    if (this.#agents.told.get(task.id)?.some((type) => type !== `task.${task.status}`)) return "the webhook was told of another end";
    if (job.kind === "undone" && task.compensations?.[0]?.status !== "completed")
      return `not undone: ${JSON.stringify(task.compensations)}`;
    if (job.output === undefined) return null;
    const { output } = await this.#server.call<{ output: unknown }>("GET", `/tasks/${task.id}/result`);
    return JSON.stringify(output) === JSON.stringify(job.output) ? null : `${JSON.stringify(output)}, not ${JSON.stringify(job.output)}`;
  }
}

interface TaskPage {
  readonly data: readonly { readonly id: string; readonly status: string }[];
  readonly next_cursor: string | null;
}

interface PulledWork extends Work {
  readonly idempotency_key: string;
}

/** What was done twice of one task, by its journal and by its agents' records. */
export function twiceIn(events: readonly EventView[], asked: readonly Asked[], heard: ReadonlyMap<string, number>): readonly string[] {
  const faults: string[] = [];
  const completedAt = new Map<string, number>();
  for (const { type, step_id, at } of events) {
    if (type !== "step.completed" || step_id === undefined) continue;
    if (completedAt.has(step_id)) faults.push(`step ${step_id} completed twice`);
    completedAt.set(step_id, Date.parse(at));
  }
  const keys = new Map<string, string>();
  for (const { step, key, at, agent } of asked) {
    if ((keys.get(step) ?? key) !== key) faults.push(`step ${step} was asked for under two keys`);
    keys.set(step, key);
    const over = Math.min(completedAt.get(step) ?? Number.POSITIVE_INFINITY, heard.get(key) ?? Number.POSITIVE_INFINITY);
    if (at > over + SLACK_MS) faults.push(`${agent} was asked for step ${step} ${at - over} ms after it had completed`);
  }
  return faults;
}
