/** A task that is followed from its start, so that others can act on what happens in it. */
import { EventEmitter, once } from "node:events";
import type { Orchestrator, TaskEvent, TaskResult } from "../setup/orchestrator.ts";

export class Run {
  readonly id: string;
  readonly orchestrator: Orchestrator;
  /** So far. */
  readonly events: TaskEvent[] = [];
  readonly ended: Promise<TaskResult>;
  #hasEnded = false;
  readonly #happens = new EventEmitter();

  private constructor(orchestrator: Orchestrator, id: string, onEvent: (event: TaskEvent) => void) {
    this.orchestrator = orchestrator;
    this.id = id;
    this.ended = this.#follow(onEvent);
  }

  static async start(orchestrator: Orchestrator, submission: object, onEvent: (event: TaskEvent) => void = () => {}): Promise<Run> {
    return Run.follow(orchestrator, await orchestrator.submit(submission), onEvent);
  }

  /** One that somebody else has started. */
  static follow(orchestrator: Orchestrator, id: string, onEvent: (event: TaskEvent) => void = () => {}): Run {
    return new Run(orchestrator, id, onEvent);
  }

  /** The first event of a type, past or to come. Throws when the task ends without one. */
  async event(type: string): Promise<TaskEvent> {
    for (;;) {
      const found = this.events.find((event) => event.type === type);
      if (found !== undefined) return found;
      if (this.#hasEnded) throw new Error(`The task ended without ${type}: ${this.events.at(-1)?.type}`);
      await once(this.#happens, "event");
    }
  }

  async signal(name: string, payload: unknown): Promise<void> {
    await this.orchestrator.call("POST", `/tasks/${this.id}/signals/${name}`, { payload });
  }

  /** The id of the approval that the task waits for, once it does. */
  async approval(): Promise<string> {
    await this.event("approval.requested");
    const task = await this.orchestrator.call<{ readonly waiting_on: { readonly approval_id: string } }>("GET", `/tasks/${this.id}`);
    return task.waiting_on.approval_id;
  }

  async #follow(onEvent: (event: TaskEvent) => void): Promise<TaskResult> {
    for await (const event of this.orchestrator.events(this.id)) {
      this.events.push(event);
      onEvent(event);
      this.#happens.emit("event");
    }
    this.#hasEnded = true;
    this.#happens.emit("event");
    return this.orchestrator.result(this.id);
  }
}
