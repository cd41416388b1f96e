/** The flight recorder: what a fork costs its caller, and how fast journals are played again. */
import { readJournal, sourceOf } from "../../src/tasks/recorder/journal-import.ts";
import { replayJournal } from "../../src/tasks/recorder/journal-replay.ts";
import type { AgentProcess } from "./agent-process.ts";
import type { Figures } from "./report.ts";
import { chain, type Service } from "./service.ts";
import { median } from "./statistics.ts";

/** Four facts each. */
const STEPS = 250;
const FORKS = 15;
const ROUNDS = 9;

export async function recorderFigures(_agents: AgentProcess, service: Service): Promise<Figures> {
  const { id, status } = await service.run(chain(STEPS, { agent: "echo" }));
  if (status !== "completed") throw new Error(`${id}: ${status}`);
  const forks: number[] = [];
  for (let fork = 0; fork < FORKS; fork++) {
    const startedAt = performance.now();
    await service.fork(id, { from: { step: `s${STEPS - 1}` } });
    forks.push(performance.now() - startedAt);
  }
  const text = await service.exported(id);
  const again = (): number => {
    const journal = readJournal(text);
    if (!journal.ok) throw new Error(journal.error.message);
    if (journal.value.events < 1_000) throw new Error("Too few facts");
    const startedAt = performance.now();
    const played = replayJournal(sourceOf(journal.value));
    if (!played.ok || !played.value.matches) throw new Error(JSON.stringify(played));
    return played.value.events / ((performance.now() - startedAt) / 1_000);
  };
  for (let warmUp = 0; warmUp < 3; warmUp++) again();
  return { fork_ms_1000_events: median(forks), replay_events_per_second: median(Array.from({ length: ROUNDS }, again)) };
}
