/**
 * The calls that a relay has been given: in line, under way, or answered and not recorded yet.
 *
 * C1. At most `relayCalls` are under way; the others line up.
 * C2. A call that it has, or has answered, is not made again, however often it is given.
 * C3. Answers wait for others only `answersMs`. Each is told once, and again to whoever asks for it by its key.
 * C4. What it has said to be gone, or was told to be unwanted, it does not make afterwards.
 * C5. Who asks last is answered; an earlier question ends without an answer.
 * C6. Where nobody has asked for `relayLeaseMs` it hangs up: whoever gave it the calls gives them to another one.
 */
import type { AgentCall, Outcome } from "../agents/transports/protocol.ts";
import { AwakeTimer } from "../shared/awake-timer.ts";
import { bytesToJson, jsonToBytes } from "../shared/json-bytes.ts";
import { messageOf } from "../shared/log.ts";
import { LIMITS } from "./limits.ts";
import type { CarriedOutcome, RelayedCall, RelayQuestion, RelayReport } from "./relay-contract.ts";
import { ReplyRoom, type ReplyReader } from "./reply-room.ts";

/** Must not throw. */
export type MakeCall = (call: AgentCall, controller: AbortController, timer: AwakeTimer, room: ReplyReader) => Promise<Outcome>;

interface Answer {
  readonly outcome: CarriedOutcome;
  readonly reader: ReplyReader;
  /** When it was told last. */
  toldAt: number | null;
}

export class HeldCalls {
  readonly #make: MakeCall;
  /** Begins what is in line, at once or as soon as that may be. */
  readonly #begin: () => void;
  readonly #held = new Map<string, AbortController>();
  readonly #answers = new Map<string, Answer>();
  readonly #refused = new Set<string>();
  readonly #room = new ReplyRoom(LIMITS.relayReplyBytes);
  readonly #timer = new AwakeTimer();
  #line: RelayedCall[] = [];
  #underWay = 0;
  #asker: { readonly report: (isOvertaken: boolean) => void; timer: Timer | null; at: number } | null = null;
  #askedAt = 0;
  #lease: Timer | null = null;
  #idle: (() => void)[] = [];

  constructor(make: MakeCall, begin?: () => void) {
    this.#make = make;
    this.#begin = begin ?? (() => this.fill());
  }

  exchange({ calls, awaited, recorded, unwanted }: RelayQuestion): Promise<RelayReport> {
    const now = Date.now();
    this.#askedAt = now;
    for (const key of recorded) this.#forget(key);
    for (const key of unwanted) this.#hangUp(key);
    for (const [key, { toldAt }] of this.#answers) if (toldAt !== null && now - toldAt > LIMITS.toldAnswerMs) this.#forget(key);
    const gone = [...this.#take(calls), ...awaited.filter((key) => !this.#held.has(key) && !this.#answers.has(key))];
    for (const key of gone) this.#refuse(key);
    for (const key of [...awaited, ...calls.map((call) => call.key)]) {
      const answer = this.#answers.get(key);
      if (answer !== undefined) answer.toldAt = null;
    }
    this.#asker?.report(true);
    return new Promise((resolve) => {
      const report = (isOvertaken: boolean): void => {
        if (this.#asker?.report !== report) return;
        this.#stopTimer();
        this.#asker = null;
        resolve({ answers: isOvertaken ? [] : this.#tell(), gone, isOvertaken });
      };
      this.#asker = { report, timer: null, at: Number.POSITIVE_INFINITY };
      if (gone.length > 0) report(false);
      else if (this.#untold() > 0) this.#reportIn(LIMITS.answersMs);
      else this.#reportIn(this.#held.size === 0 ? 0 : LIMITS.relayAskMs);
    });
  }

  /** Makes the calls that are in line, as far as there are connections. */
  fill(): void {
    while (this.#underWay < LIMITS.relayCalls) {
      const next = this.#line.shift();
      if (next === undefined) return;
      const controller = this.#held.get(next.key);
      if (controller === undefined) continue; // hung up while in line
      this.#underWay++;
      void this.#run(next, controller);
    }
  }

  /** Resolves when none is under way or in line. */
  async idle(): Promise<void> {
    if (this.#held.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Those that it will not make. */
  #take(calls: readonly RelayedCall[]): readonly string[] {
    const refused: string[] = [];
    for (const call of calls) {
      if (this.#held.has(call.key) || this.#answers.has(call.key)) continue;
      if (this.#refused.has(call.key)) refused.push(call.key);
      else {
        this.#held.set(call.key, new AbortController());
        this.#line.push(call);
      }
    }
    if (this.#line.length > 0) {
      this.#begin();
      this.#keepLease();
    }
    return refused;
  }

  async #run(call: RelayedCall, controller: AbortController): Promise<void> {
    const reader = this.#room.reader(controller.signal);
    const outcome = await this.#outcome(call, controller, reader);
    reader.read();
    this.#underWay--;
    if (this.#held.get(call.key) === controller) {
      this.#held.delete(call.key);
      this.#answers.set(call.key, { outcome, reader, toldAt: null });
      this.#answered();
    } else reader.close();
    this.fill();
  }

  async #outcome(call: RelayedCall, controller: AbortController, reader: ReplyReader): Promise<CarriedOutcome> {
    try {
      const outcome = await this.#make({ ...call, input: bytesToJson(call.input) }, controller, this.#timer, reader);
      return outcome.type === "completed" ? { ...outcome, output: jsonToBytes(outcome.output) } : outcome;
    } catch (error) {
      return { type: "lost", message: messageOf(error) };
    }
  }

  #answered(): void {
    this.#restIfIdle();
    // Nobody is waited for where nobody is left.
    this.#reportIn(this.#held.size === 0 ? 0 : LIMITS.answersMs);
  }

  #hangUp(key: string): void {
    this.#refuse(key);
    this.#forget(key);
    this.#held.get(key)?.abort();
    this.#held.delete(key);
    this.#restIfIdle();
  }

  #restIfIdle(): void {
    if (this.#held.size > 0) return;
    this.#stopLease();
    this.#timer.rest();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** What comes late comes soon: the oldest are forgotten. */
  #refuse(key: string): void {
    this.#refused.add(key);
    for (const oldest of this.#refused) {
      if (this.#refused.size <= LIMITS.refusedCalls) return;
      this.#refused.delete(oldest);
    }
  }

  #forget(key: string): void {
    this.#answers.get(key)?.reader.close();
    this.#answers.delete(key);
  }

  #untold(): number {
    let untold = 0;
    for (const { toldAt } of this.#answers.values()) if (toldAt === null) untold++;
    return untold;
  }

  /** As many as one message carries; the others with the next one. */
  #tell(): RelayReport["answers"] {
    const now = Date.now();
    const told: RelayReport["answers"][number][] = [];
    let bytes = 0;
    for (const [key, answer] of this.#answers) {
      if (answer.toldAt !== null) continue;
      const { outcome } = answer;
      bytes += outcome.type === "completed" ? outcome.output.byteLength : 0;
      if (told.length > 0 && bytes > LIMITS.relayReplyBytes) break;
      answer.toldAt = now;
      told.push({ key, outcome });
    }
    return told;
  }

  #reportIn(ms: number): void {
    const asker = this.#asker;
    if (asker === null) return;
    const at = Date.now() + ms;
    if (asker.at <= at) return;
    this.#stopTimer();
    asker.at = at;
    asker.timer = setTimeout(() => asker.report(false), ms);
  }

  #stopTimer(): void {
    if (this.#asker !== null && this.#asker.timer !== null) clearTimeout(this.#asker.timer);
  }

  #keepLease(): void {
    if (this.#lease !== null) return;
    const look = (): void => {
      const leftMs = this.#askedAt + LIMITS.relayLeaseMs - Date.now();
      if (leftMs > 0) {
        this.#lease = setTimeout(look, leftMs);
        return;
      }
      this.#lease = null;
      for (const key of this.#held.keys()) this.#hangUp(key);
    };
    this.#lease = setTimeout(look, LIMITS.relayLeaseMs);
  }

  #stopLease(): void {
    if (this.#lease !== null) clearTimeout(this.#lease);
    this.#lease = null;
  }
}

type Timer = ReturnType<typeof setTimeout>;
