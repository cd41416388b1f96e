/**
 * Schedules of every second, while the server is killed twice and started again: once at once, once after longer than a run
 * may be late. What they did is told by the agent's own log, which outlives the server, and by what they say themselves.
 * `SCHEDULE_SECONDS=60` makes it a minute.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../src/schedules/limits.ts";
import { Agent, Server, until } from "./processes.ts";

const SECONDS = Number(process.env["SCHEDULE_SECONDS"] ?? 24);
/** How the schedules catch up; their names too. */
const POLICIES = ["all", "one", "none"] as const;

interface Run {
  readonly scheduled_at: string;
  readonly until: string;
  readonly count: number;
  readonly outcome: string;
  readonly task_id: string | null;
  readonly recorded_at: string;
}

let server: Server;
let agent: Agent;
/** The times that there are. */
let times: readonly number[];
/** When the server was gone, and when it was there again. */
const outages: { readonly from: number; readonly to: number }[] = [];

/** The times that the agent was asked for by a schedule, repetitions included. */
const askedFor = (schedule: string): readonly number[] =>
  agent.calls(schedule).map(({ input }) => Date.parse((input as { at: string }).at));
const runsOf = async (schedule: string): Promise<readonly Run[]> =>
  (await server.call<{ data: Run[] }>("GET", `/schedules/${schedule}/runs?limit=1000`)).data.toReversed();
const startedOf = async (schedule: string): Promise<readonly Run[]> =>
  (await runsOf(schedule)).filter(({ outcome }) => outcome === "started");
const missedOf = async (schedule: string): Promise<readonly number[]> =>
  (await runsOf(schedule))
    .filter(({ outcome }) => outcome === "missed")
    .flatMap((run) => times.filter((time) => time >= Date.parse(run.scheduled_at) && time <= Date.parse(run.until)));
const timeOf = ({ scheduled_at }: Run): number => Date.parse(scheduled_at);

/** The server is not there for at least so long. */
async function outage(ms: number): Promise<void> {
  await server.kill();
  const from = Date.now();
  await until("the server to have been away long enough", () => Date.now() >= from + ms);
  await server.start();
  outages.push({ from, to: Date.now() });
}

beforeAll(
  async () => {
    [server, agent] = await Promise.all([Server.start(), Agent.start()]);
    await server.call("PUT", "/agents/clerk", { url: agent.url("/work"), capabilities: ["clerk"], dispatch: "inline" });
    const first = Math.ceil(Date.now() / 1_000) * 1_000 + 2_000;
    times = Array.from({ length: SECONDS }, (_, index) => first + index * 1_000);
    for (const policy of POLICIES) {
      await server.call("PUT", `/schedules/${policy}`, {
        cron: "* * * * * *",
        timezone: "Europe/Ljubljana",
        starts_at: new Date(first).toISOString(),
        ends_at: new Date(first + SECONDS * 1_000).toISOString(),
        overlap: "allow",
        catch_up: policy,
        task: { workflow: { steps: [{ id: policy, capability: "clerk", input: { at: "${ task.scheduled_at }" } }] } },
      });
    }
    // Nobody asks the server anything meanwhile.
    const asked = (index: number) => until(`time ${index} to have come`, () => askedFor("all").includes(times[index] as number));
    await asked(Math.floor(SECONDS / 5));
    await outage(0);
    await asked(Math.floor(SECONDS / 2));
    await outage(LIMITS.scheduleGraceMs + 3_000);
    for (const policy of POLICIES) {
      const ended = async () => (await server.call<{ status: string }>("GET", `/schedules/${policy}`)).status === "ended";
      await until("the schedule to have ended", ended, (SECONDS + 60) * 1_000);
      await until("all times to be settled", async () => {
        const [started, missed] = [await startedOf(policy), await missedOf(policy)];
        return started.length + missed.length >= SECONDS && started.every((run) => askedFor(policy).includes(timeOf(run)));
      });
    }
  },
  (SECONDS + 180) * 1_000,
);

afterAll(async () => {
  await server.kill();
  agent.stop();
});

describe("a schedule of every second, across two SIGKILLs", () => {
  test("has a run for every time, when it catches up with all", async () => {
    expect((await startedOf("all")).map(timeOf)).toEqual(times);
    expect([...new Set(askedFor("all"))].toSorted((a, b) => a - b)).toEqual(times);
    expect(await missedOf("all")).toEqual([]);
  });

  test.each(POLICIES)("settles every time once: it has a run or was missed (catch_up %s)", async (policy) => {
    const settled = [...(await startedOf(policy)).map(timeOf), ...(await missedOf(policy))];
    expect(settled.toSorted((a, b) => a - b)).toEqual(times);
    expect(await runsOf(policy)).not.toContainEqual(expect.objectContaining({ outcome: "failed" }));
  });

  test.each(POLICIES)("has no time twice, as the agent saw it (catch_up %s)", async (policy) => {
    const runs = await startedOf(policy);
    expect(new Set(runs.map(({ task_id }) => task_id)).size).toBe(runs.length);
    const calls = Map.groupBy(agent.calls(policy), ({ input }) => (input as { at: string }).at);
    expect([...calls.keys()].toSorted()).toEqual(runs.map(({ scheduled_at }) => scheduled_at).toSorted());
    // A call that was under way when the server died is repeated: the same task, under the same key.
    for (const [at, repeated] of calls) {
      expect(new Set(repeated.map(({ key }) => key)).size).toBe(1);
      expect(repeated[0]?.task).toBe(runs.find(({ scheduled_at }) => scheduled_at === at)?.task_id);
    }
  });

  test("misses only what was late by more than is allowed, and makes up for that as it should", async () => {
    const [none, one] = [await missedOf("none"), await missedOf("one")];
    expect(none.length).toBeGreaterThan(0);
    for (const time of [...none, ...one])
      expect(outages.some(({ from, to }) => time > from - 1_000 && time < to - LIMITS.scheduleGraceMs)).toBe(true);
    // The last one of those that an outage made too late has its run all the same.
    const madeUpFor = (await startedOf("one")).filter((run) => Date.parse(run.recorded_at) - timeOf(run) > LIMITS.scheduleGraceMs + 2_000);
    expect(madeUpFor.length).toBeLessThanOrEqual(outages.length);
  });

  test("is punctual where the server was there", async () => {
    const undisturbed = (await startedOf("all")).filter((run) =>
      outages.every(({ from, to }) => timeOf(run) < from - 1_000 || timeOf(run) > to + 1_000),
    );
    const late = undisturbed.filter((run) => Date.parse(run.recorded_at) - timeOf(run) > 1_000);
    expect(undisturbed.length).toBeGreaterThan(0);
    expect(late.length).toBeLessThan(undisturbed.length / 4);
  });
});
