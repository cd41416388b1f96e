/** A task that is followed by its events: how far it is, and what is in flight. */
import type { TaskEvent } from "../setup/orchestrator.ts";
import type { Tenant } from "./tenant.ts";
import type { Workflow } from "./workflow.ts";

interface InFlight {
  readonly isPulled: boolean;
  /** A second agent is, or will be, asked beside it. */
  readonly isHedged: boolean;
}

export class FollowedTask {
  readonly tenant: Tenant;
  readonly id: string;
  readonly workflow: Workflow;
  readonly events: TaskEvent[] = [];
  /** Resolves with its last event. */
  readonly ended: Promise<void>;
  completed = 0;
  hasEnded = false;
  /** By step and attempt. */
  readonly #inFlight = new Map<string, Map<number, InFlight>>();

  private constructor(tenant: Tenant, id: string, workflow: Workflow) {
    this.tenant = tenant;
    this.id = id;
    this.workflow = workflow;
    this.ended = this.#follow();
  }

  static async submit(tenant: Tenant, workflow: Workflow, options: object): Promise<FollowedTask> {
    const id = await tenant.submit({ workflow, input: { topic: `orchestration, for ${tenant.name}` }, tags: ["fleet"], ...options });
    return new FollowedTask(tenant, id, workflow);
  }

  get pulledInFlight(): number {
    return this.#attempts.filter(({ isPulled }) => isPulled).length;
  }

  get hedgedInFlight(): number {
    return this.#attempts.filter(({ isHedged }) => isHedged).length;
  }

  get inFlight(): number {
    return this.#attempts.length;
  }

  get #attempts(): readonly InFlight[] {
    return [...this.#inFlight.values()].flatMap((attempts) => [...attempts.values()]);
  }

  async #follow(): Promise<void> {
    for await (const event of this.tenant.events(this.id)) {
      this.events.push(event);
      this.#see(event);
    }
    this.hasEnded = true;
  }

  #see({ type, step_id: step = "", data }: TaskEvent): void {
    const attempts = this.#inFlight.get(step) ?? new Map<number, InFlight>();
    switch (type) {
      case "attempt.started":
        attempts.set(Number(data["attempt"]), { isPulled: data["way"] === "pull", isHedged: "hedge" in data || "hedge_at" in data });
        this.#inFlight.set(step, attempts);
        return;
      case "attempt.completed":
      case "attempt.failed":
      case "attempt.canceled":
        attempts.delete(Number(data["attempt"]));
        return;
      case "step.completed":
        this.completed++;
        this.#inFlight.delete(step);
    }
  }
}
