/** Answers what is asked of a live task. It changes nothing. */
import type { ApprovalDetail } from "../views/approval-view.ts";
import type { EventView } from "../views/event-view.ts";
import type { StepView } from "../views/step-view.ts";
import type { TaskHead } from "../views/view.ts";
import type { Rejection } from "../../shared/errors.ts";
import type { Result } from "../../shared/result.ts";
import type { Unfinished } from "../contract.ts";
import type { CacheRequests } from "./cache-requests.ts";
import type { GatePass } from "./gate-pass.ts";
import { NO_PLACES, placeAtGate, placesOf, withPlace, type Whereabouts } from "./places.ts";
import type { TaskPorts } from "../ports.ts";
import { recorded, type RecorderQuestion } from "../recorder/recorder.ts";
import { TaskReading, type ResultReading, type StepDetail, type TaskView } from "../journal/task-reading.ts";
import type { TaskRunner } from "./runner.ts";

/** Everywhere `null` says that there is no such task. */
export class TaskReader {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  readonly #caching: CacheRequests;
  readonly #gate: GatePass;

  constructor(ports: TaskPorts, runner: TaskRunner, caching: CacheRequests, gate: GatePass) {
    this.#ports = ports;
    this.#runner = runner;
    this.#caching = caching;
    this.#gate = gate;
  }

  async head(): Promise<TaskHead | null> {
    return this.#placed((reading, places) => withPlace(reading.head(), places));
  }

  async task(): Promise<TaskView | null> {
    return this.#placed((reading, places) => {
      const view = reading.task();
      return { ...withPlace(view, places), steps: view.steps.map((step) => withPlace(step, places)) };
    });
  }

  async steps(from: number, limit: number): Promise<readonly StepView[] | null> {
    return this.#placed((reading, places) => reading.steps(from, limit).map((step) => withPlace(step, places)));
  }

  async step(step: string): Promise<StepDetail | "unknown" | null> {
    return this.#placed((reading, places) => {
      const detail = reading.step(step);
      return detail === null ? "unknown" : withPlace(detail, places);
    });
  }

  async approval(number: number): Promise<ApprovalDetail | "unknown" | null> {
    return this.#read((reading) => reading.approval(number) ?? "unknown");
  }

  async result(): Promise<ResultReading | Unfinished | null> {
    return this.#read((reading) => reading.result() ?? { unfinished: true, status: reading.head().status });
  }

  async events(after: number, limit: number): Promise<readonly EventView[] | null> {
    return this.#read((reading) => reading.events(after, limit));
  }

  async recorded(question: RecorderQuestion): Promise<Result<Uint8Array, Rejection> | null> {
    return this.#read((reading) => reading.of((loaded, source) => recorded(loaded, source, question)));
  }

  async #read<T>(question: (reading: TaskReading) => T): Promise<T | null> {
    const loaded = await this.#runner.ready();
    return loaded && question(new TaskReading(loaded, this.#runner.journal));
  }

  /** As `#read`, with what only others know: the places in the lines of agents or of its gate, and who brings what the cache has not. */
  async #placed<T>(question: (reading: TaskReading, places: Whereabouts) => T): Promise<T | null> {
    const loaded = await this.#runner.ready();
    if (loaded === null) return null;
    const { queued, hold } = loaded.state;
    const places =
      hold?.type === "concurrency"
        ? placeAtGate(await this.#gate.position(loaded))
        : queued === 0
          ? NO_PLACES
          : await placesOf(loaded, this.#ports.agents);
    return this.#read((reading) => question(reading, { places, firstFor: (step) => this.#caching.firstFor(step) }));
  }
}
