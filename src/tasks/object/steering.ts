/** What others say to a task that is there. `by`: who says so. */
import type { TaskInput } from "../../engine/facts/input.ts";
import { causedBy, type By } from "../../shared/actor.ts";
import type { Rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { assert, ok, type Result } from "../../shared/result.ts";
import type { ApprovalDecision } from "../messages.ts";
import type { ApprovalDetail } from "../views/approval-view.ts";
import type { TaskHead } from "../views/view.ts";
import type { Creation } from "./creation.ts";
import type { TaskRunner } from "./runner.ts";

export class Steering {
  readonly #runner: TaskRunner;
  readonly #creation: Creation;

  constructor(runner: TaskRunner, creation: Creation) {
    this.#runner = runner;
    this.#creation = creation;
  }

  async pause(by?: By): Promise<Result<TaskHead, Rejection> | null> {
    return this.#say({ type: "pause", ...causedBy({ actor: by }) });
  }

  async resume(by?: By): Promise<Result<TaskHead, Rejection> | null> {
    return this.#say({ type: "resume", ...causedBy({ actor: by }) });
  }

  async cancel(reason?: string, by?: By): Promise<Result<TaskHead, Rejection> | null> {
    // Who starts it may want it no more before it is there.
    await this.#creation.settled();
    return this.#say({ type: "cancel", ...(reason !== undefined && { reason }), ...causedBy({ actor: by }) });
  }

  /** Pauses or goes on with the task that started it; what somebody said to this one itself stays as it is. */
  async follow(isPaused: boolean): Promise<void> {
    if ((await this.#runner.ready()) === null) return;
    await this.#runner.apply({ type: isPaused ? "pause" : "resume", by: "parent" });
  }

  /** Something that a step waits for, or will. It counts once under its key; `fingerprint`: what it is recognised by then. */
  async signal(name: string, payload: Json, key: string, by?: By, fingerprint?: string): Promise<Result<TaskHead, Rejection> | null> {
    const recognised = fingerprint !== undefined && { fingerprint };
    return this.#say({ type: "signal", name, payload, key, ...recognised, ...causedBy({ actor: by }) });
  }

  /** A person's word on an approval of this task, by its number. */
  async decide(approval: number, decision: ApprovalDecision): Promise<Result<ApprovalDetail, Rejection> | null> {
    const answer = await this.#say({ ...decision, type: "decide", approval });
    if (answer === null || !answer.ok) return answer;
    const detail = (await this.#runner.reading()).approval(approval);
    assert(detail !== null, "an approval that was decided is there");
    return ok(detail);
  }

  async withdrawLink(approval: number, link: string, by?: By): Promise<Result<TaskHead, Rejection> | null> {
    return this.#say({ type: "withdraw_link", approval, link, ...causedBy({ actor: by }) });
  }

  async #say(input: TaskInput): Promise<Result<TaskHead, Rejection> | null> {
    if ((await this.#runner.ready()) === null) return null;
    const answer = await this.#runner.apply(input);
    return answer.ok ? ok((await this.#runner.reading()).head()) : answer;
  }
}
