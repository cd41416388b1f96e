/** An attempt in a simulated run: in line for its agent and for a place, under way, and over. */
import type { AgentEvidence } from "../engine/world.ts";
import { chooseWay } from "../engine/rules/way.ts";
import type { Call } from "./crew-run.ts";
import { isWanted, type Instance } from "./frame.ts";
import type { AgentPlan } from "./plan.ts";
import type { Member, Pool } from "./pool.ts";
import type { Run } from "./run.ts";

/** What follows for its step. */
export interface Consequences {
  /** Not when nobody waits for the step any more. */
  readonly ended: (run: Run, attempt: Attempt, call: Call) => void;
  /** As long as a hedge is to wait. */
  readonly takesLong: (run: Run, attempt: Attempt) => void;
}

export class Attempt {
  readonly instance: Instance;
  readonly member: Member;
  readonly isHedge: boolean;
  hasSlot = false;
  isOver = false;
  /** Of the few that its task awaits itself. */
  place: "in_line" | "held" | null = null;
  readonly #run: Run;
  readonly #then: Consequences;
  #isInline = false;
  #isInLine = false;
  #call: Call | null = null;

  constructor(run: Run, instance: Instance, member: Member, isHedge: boolean, then: Consequences) {
    this.#run = run;
    this.instance = instance;
    this.member = member;
    this.isHedge = isHedge;
    this.#then = then;
  }

  begin(): void {
    const { task } = this.instance.frame;
    task.live++;
    task.isBusyWith(this.member.agent, 1);
    const { target } = this.#pool();
    if (target.type === "capability") {
      const calls = task.callsOf(target.capability);
      calls.calls++;
      if (this.isHedge) calls.hedges++;
    }
    if (!this.member.choice.needsSlot) return this.#dispatch(true);
    const { clock, ledger } = this.#run;
    const { counts } = ledger;
    // Asking and giving back are requests; the slot is a row while it is held, and one when it is not any more.
    counts.objectRequests += 2;
    counts.rows += 2;
    this.#isInLine = true;
    clock.at(task.does("slot") + this.#run.way("object"), () => {
      if (!this.isOver) this.#run.agent(this.member.agent).join(this);
    });
  }

  /** Its agent lets it in. */
  granted(): void {
    this.#isInLine = false;
    this.hasSlot = true;
    const { clock, ledger } = this.#run;
    const { counts } = ledger;
    clock.at(this.instance.frame.task.does("slot") + this.#run.way("object"), () => {
      if (this.isOver) return;
      counts.rows++;
      this.#dispatch(false);
    });
  }

  #dispatch(mayLineUp: boolean): void {
    const { task } = this.instance.frame;
    const { setting, clock, dispatches } = this.#run;
    const way = chooseWay(this.member.choice, { inline: task.inline, evidenceByAgent: NOTHING_SEEN }, setting.surroundings, mayLineUp);
    switch (way) {
      case "inline":
        this.#isInline = true;
        this.place = "in_line";
        task.inline++;
        return task.await(this);
      case "queue":
        return dispatches.send(this);
      case "pull":
        // A worker asks for it, and says later what it came to.
        this.#run.ledger.counts.objectRequests += 3;
        this.#run.ledger.counts.workerRequests += 2;
        this.#run.ledger.counts.rows++;
        return clock.at(task.does("claim") + this.#run.way("object"), () => this.deliver(task.does("claim"), () => {}));
    }
  }

  /** The request leaves, from the task itself. */
  leave(at: number): void {
    const { clock } = this.#run;
    const { task } = this.instance.frame;
    clock.at(this.#leaves(at), () => {
      if (this.isOver) return;
      task.freePlace(this);
      const isUrgent = this.#isUrgent();
      task.record(task.does("reply"), isUrgent, () => this.#settle());
    });
  }

  /** The request leaves from a consumer when it is claimed; that one is through with it once it has been reported. */
  deliver(claimedAt: number, isThrough: () => void): void {
    const { clock, ledger } = this.#run;
    const { counts } = ledger;
    const { task } = this.instance.frame;
    if (this.isOver) return isThrough();
    counts.objectRequests += 2;
    clock.at(this.#leaves(claimedAt), () => {
      if (this.isOver) return isThrough();
      const isUrgent = this.#isUrgent();
      task.record(task.does("report"), isUrgent, () => {
        this.#settle();
        isThrough();
      });
    });
  }

  /** When its reply is there. */
  #leaves(at: number): number {
    const plan = this.instance.step as AgentPlan;
    const { member } = this;
    const limitMs = Math.min(plan.timeoutMs, member.choice.timeoutMs ?? Number.POSITIVE_INFINITY);
    const call = this.#run.agent(member.agent).call(plan, member.figures, limitMs);
    this.#call = call;
    this.#run.ledger.counts.calls++;
    const { hedge } = plan;
    const afterMs = hedge === null || this.isHedge ? null : hedge.after === "p95" ? member.choice.p95Ms : hedge.after;
    if (afterMs !== null && call.ms > afterMs) this.#run.clock.at(at + afterMs, () => this.#then.takesLong(this.#run, this));
    return at + call.ms;
  }

  #settle(): void {
    const call = this.#call;
    if (this.isOver || call === null) return; // superseded meanwhile
    this.#end();
    if (!isWanted(this.instance)) return this.#run.ledger.pay(this.instance.step, this.member, call, false);
    this.#run.ledger.pay(this.instance.step, this.member, call, call.failure === null);
    this.#then.ended(this.#run, this, call);
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    if (this.isOver) return;
    this.#end();
    if (this.#call !== null) this.#run.ledger.pay(this.instance.step, this.member, this.#call, false);
  }

  #end(): void {
    this.isOver = true;
    const { task } = this.instance.frame;
    const { work } = this.instance;
    work?.live.splice(work.live.indexOf(this), 1);
    task.live--;
    task.isBusyWith(this.member.agent, -1);
    if (this.#isInline) task.inline--;
    if (this.place !== null) task.freePlace(this);
    const agent = this.#run.agent(this.member.agent);
    if (this.#isInLine) agent.leaveLine(this);
    if (this.hasSlot) this.#run.clock.at(task.does("slot") + this.#run.way("object"), () => agent.release());
  }

  /** Whether its reply moves the task on, as far as can be seen before it is recorded. */
  #isUrgent(): boolean {
    const { frame, step } = this.instance;
    const { pending } = frame.task;
    if (this.#call?.failure !== null || frame.unsettled <= pending + 1) return true;
    return step.dependents.some((index) => {
      const dependent = frame.steps[index];
      return dependent !== undefined && (dependent.unsettled <= pending + 1 || dependent.step.runIf === "any_completed");
    });
  }

  #pool(): Pool {
    const { pools } = this.instance.step as AgentPlan;
    return pools[this.instance.work?.target ?? 0] as Pool;
  }
}

/** What a task sees of its agents itself hardly differs from what is published. */
const NOTHING_SEEN = new Map<string, AgentEvidence>();
