/** What keeps a task from beginning: as whoever submits it says, else its workflow, else the task that it goes on with. */
import { compileConcurrency, gateOf, type Concurrency, type TaskToBe, type GateTerms } from "../../language/concurrency.ts";
import { RULES } from "../../language/rules.ts";
import { burstOf } from "../../language/debounce.ts";
import { rejectionOf, type Rejection, type RejectionCode } from "../../shared/errors.ts";
import { pointer } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { momentOf } from "../../shared/time.ts";
import type { Inherited, Said } from "./plan.ts";
import type { Submission } from "./submission.ts";

export type HoldOptions = Pick<Submission, "startAt" | "debounce" | "gate">;

export function holdOptions(
  said: Said,
  inherited: Inherited,
  ofWorkflow: Concurrency | null,
  of: TaskToBe,
  deadlineAt: number | null,
  now: number,
): Result<HoldOptions, Rejection> {
  const startAt = said.start_at === undefined ? null : momentOf(said.start_at, now);
  if (startAt !== null && startAt > now + LIMITS.durationMs) return fault("a task starts within 365d", "start_at");
  if (startAt !== null && deadlineAt !== null && deadlineAt <= startAt) return fault("the deadline has passed by then", "start_at");
  const gate = gateFor(said.concurrency, inherited, ofWorkflow, of);
  if (!gate.ok) return gate;
  const debounce = burstFor(said, of, gate.value, deadlineAt, now);
  if (!debounce.ok) return debounce;
  return ok({
    ...(startAt !== null && startAt > now && { startAt }),
    ...(debounce.value !== null && { debounce: debounce.value }),
    ...(gate.value !== null && { gate: gate.value }),
  });
}

function burstFor(
  { debounce: said, start_at }: Said,
  of: TaskToBe,
  gate: GateTerms | null,
  deadlineAt: number | null,
  now: number,
): Result<HoldOptions["debounce"] | null, Rejection> {
  if (said === undefined) return ok(null);
  if (start_at !== undefined) return fault("not together with start_at: the burst decides when the task begins", "debounce");
  // Those decide at the first submission whether there is a task at all, long before it wants its place.
  if (gate?.overlap === "reject" || gate?.overlap === "return_existing")
    return fault(`not together with a concurrency whose overlap is ${gate.overlap}`, "debounce");
  const burst = burstOf(said, of, now);
  if (!burst.ok) return fault(burst.error, "debounce", "key");
  if (deadlineAt !== null && deadlineAt <= burst.value.due_at) return fault("the deadline has passed by then", "debounce", "for");
  return burst;
}

/** What the submission says counts instead of what its workflow does; a task that goes on has the gate of the one before it. */
function gateFor(
  said: Said["concurrency"],
  { gate: before, makesGate = false }: Inherited,
  ofWorkflow: Concurrency | null,
  of: TaskToBe,
): Result<GateTerms | null, Rejection> {
  if (before !== undefined && !makesGate) return ok(before);
  const compiled = said === undefined ? ok(ofWorkflow) : compileConcurrency(said, RULES);
  if (!compiled.ok) {
    const [{ code, message } = { code: "invalid_expression" as const, message: "not valid" }] = compiled.error;
    return fault(message, "concurrency", "key", code);
  }
  if (compiled.value === null) return ok(before ?? null);
  const gate = gateOf(compiled.value, of);
  return gate.ok ? gate : fault(gate.error, "concurrency", "key");
}

function fault(message: string, field: string, member?: string, code: RejectionCode = "invalid_request"): Result<never, Rejection> {
  return err(rejectionOf([{ pointer: member === undefined ? pointer(field) : pointer(field, member), message, code }], code));
}
