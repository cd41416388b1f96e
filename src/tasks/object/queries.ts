/** Answers what is asked of a live task. It changes nothing. */
import type { ApprovalDetail } from "../views/approval-view.ts";
import type { EventView } from "../views/event-view.ts";
import type { StepView } from "../views/step-view.ts";
import type { TaskHead } from "../views/view.ts";
import type { Rejection } from "../../shared/errors.ts";
import type { Result } from "../../shared/result.ts";
import type { Unfinished } from "../messages.ts";
import type { CacheQuestions } from "./errands/cache-questions.ts";
import type { GateEntry } from "./errands/gate-entry.ts";
import { NO_POSITIONS, positionAtGate, positionsInLines, withDetails, type WaitDetails } from "./line-positions.ts";
import type { TaskPorts } from "../ports.ts";
import { recorded, type RecorderQuestion } from "../recorder/recorder.ts";
import { TaskReading } from "../journal/task-reading.ts";
import type { Apart, LargeValue, ResultReading, StepDetail, TaskView } from "../views/task-view.ts";
import type { TaskRunner } from "./runner.ts";

/** Everywhere `null` says that there is no such task. */
export class Queries {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  readonly #caching: CacheQuestions;
  readonly #gate: GateEntry;

  constructor(ports: TaskPorts, runner: TaskRunner, caching: CacheQuestions, gate: GateEntry) {
    this.#ports = ports;
    this.#runner = runner;
    this.#caching = caching;
    this.#gate = gate;
  }

  async head(): Promise<TaskHead | null> {
    return this.#detailed((reading, details) => withDetails(reading.head(), details));
  }

  async task(): Promise<TaskView | null> {
    return this.#detailed((reading, details) => {
      const view = reading.task();
      return { ...withDetails(view, details), steps: view.steps.map((step) => withDetails(step, details)) };
    });
  }

  async steps(from: number, limit: number): Promise<readonly StepView[] | null> {
    return this.#detailed((reading, details) => reading.steps(from, limit).map((step) => withDetails(step, details)));
  }

  /** `apart`: a large output is left out, to be read by `valueChunk`. */
  async step(step: string, apart?: boolean): Promise<(StepDetail & Apart) | "unknown" | null> {
    return this.#detailed((reading, details) => {
      const detail = reading.step(step, apart);
      return detail === null ? "unknown" : withDetails(detail, details);
    });
  }

  /** `link`: by which it is read. */
  async approval(number: number, link?: string): Promise<ApprovalDetail | "unknown" | null> {
    return this.#read((reading) => reading.approval(number, link) ?? "unknown");
  }

  /** `apart`: as for a step. */
  async result(apart?: boolean): Promise<ResultReading | Unfinished | null> {
    return this.#read((reading) => reading.result(apart) ?? { unfinished: true, status: reading.head().status });
  }

  /** The next bytes of a value, after the first `from`; `null` also where this task has it no longer. */
  async valueChunk({ payload, life }: LargeValue, from: number): Promise<Uint8Array | null> {
    const loaded = await this.#runner.ready();
    return loaded?.state.createdAt === life ? this.#runner.journal.payloadChunk(payload, from) : null;
  }

  async events(after: number, limit: number): Promise<readonly EventView[] | null> {
    return this.#read((reading) => reading.events(after, limit));
  }

  /** What the flight recorder asks, answered in JSON in UTF-8. */
  async recorded(question: RecorderQuestion): Promise<Result<Uint8Array, Rejection> | null> {
    return this.#read((reading) => reading.of((loaded, source) => recorded(loaded, source, question)));
  }

  async #read<T>(question: (reading: TaskReading) => T): Promise<T | null> {
    const loaded = await this.#runner.ready();
    return loaded && question(new TaskReading(loaded, this.#runner.journal));
  }

  /** As `#read`, with what only others know of its waits. */
  async #detailed<T>(question: (reading: TaskReading, details: WaitDetails) => T): Promise<T | null> {
    const loaded = await this.#runner.ready();
    if (loaded === null) return null;
    const { queued, hold } = loaded.state;
    const positions =
      hold?.type === "concurrency"
        ? positionAtGate(await this.#gate.position(loaded))
        : queued === 0
          ? NO_POSITIONS
          : await positionsInLines(loaded, this.#ports.agents);
    return this.#read((reading) => question(reading, { positions, firstFor: (step) => this.#caching.firstFor(step) }));
  }
}
