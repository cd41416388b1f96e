/** Kills the server without warning and starts it again, at random moments of the work. */
import type { ServerProcess } from "../../scripts/server-process.ts";
import type { FollowedTask } from "./followed-task.ts";
import { say, until } from "./moments.ts";

/** The moments are spread over this part of the work … */
const [FROM, TO] = [0.05, 0.75];
/** … and a moment waits at most this much of it for pulled and hedged work to be in flight. */
const WAIT = 0.2;

export async function killAtRandom(kills: number, server: ServerProcess, tasks: readonly FollowedTask[]): Promise<void> {
  const total = tasks.reduce((sum, { workflow }) => sum + workflow.steps.length, 0);
  const done = (): number => tasks.reduce((sum, { completed }) => sum + completed, 0) / total;
  const count = (of: (task: FollowedTask) => number): number => tasks.reduce((sum, task) => sum + of(task), 0);
  const isWorthwhile = (): boolean => count((task) => task.pulledInFlight) > 0 && count((task) => task.hedgedInFlight) > 0;
  const isOver = (): boolean => tasks.every(({ hasEnded }) => hasEnded);
  const moments = Array.from({ length: kills }, () => FROM + (TO - FROM) * Math.random()).toSorted((a, b) => a - b);
  for (const moment of moments) {
    await until("the work to go on", () => isOver() || done() >= moment + WAIT || (done() >= moment && isWorthwhile()), 2);
    const inFlight = `${count((task) => task.inFlight)} attempts in flight, ${count((task) => task.pulledInFlight)} of them pulled and ${count((task) => task.hedgedInFlight)} hedged`;
    say(`SIGKILL to the server after ${count((task) => task.completed)} steps, with ${inFlight}`);
    await server.kill();
    await server.start();
    say("the server is back");
  }
}
