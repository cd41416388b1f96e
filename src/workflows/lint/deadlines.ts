/** What takes longer than the definition's own deadline allows, each taken alone. A task may be given another one. */
import type { WorkflowDefinition } from "../../language/definition.ts";
import type { NodeOf } from "../../language/graph.ts";
import { retryDelayMs } from "../../language/retry.ts";
import { durationMs, durationText, parseDuration } from "../../shared/time.ts";
import type { Warning } from "./codes.ts";
import { placesIn, type Place, type PlacedBlock } from "./places.ts";

export function deadlineWarnings(root: PlacedBlock, { deadline }: WorkflowDefinition): readonly Warning[] {
  if (deadline === undefined) return [];
  const limitMs = durationMs(deadline);
  return [...placesIn(root)].flatMap((place) => {
    const late = lateness(place, limitMs);
    if (late === null) return [];
    const message = `"${place.node.id}" ${late.what}, and the deadline is ${deadline}: ${late.so}`;
    return [{ code: "outlasts_deadline", pointer: `${place.at}${late.field}`, message }];
  });
}

interface Lateness {
  readonly field: string;
  readonly what: string;
  readonly so: string;
}

function lateness({ node, step }: Place, limitMs: number): Lateness | null {
  const isLate = (ms: number | null): ms is number => ms !== null && ms >= limitMs;
  switch (node.kind) {
    case "agent":
      // Whoever says nothing of it has the defaults, and no plans.
      return "retry" in step || "timeout" in step ? attempts(node, "retry" in step ? "/retry" : "/timeout", limitMs) : null;
    case "wait": {
      const ms = step.type === "wait" && step.for !== undefined ? parseDuration(step.for) : null;
      return isLate(ms) ? { field: "/for", what: `waits ${durationText(ms)}`, so: "it never ends" } : null;
    }
    case "signal":
      if (!isLate(node.timeoutMs)) return null;
      return { field: "/timeout", what: `waits up to ${durationText(node.timeoutMs)}`, so: "it never times out, the task does" };
    case "approval":
      if (!isLate(node.dueMs)) return null;
      return { field: "/due", what: `is due after ${durationText(node.dueMs)}`, so: "it never expires, the task does" };
    case "repeat": {
      const ms = node.delayMs * (node.max - 1);
      if (!isLate(ms)) return null;
      return { field: "/delay", what: `pauses ${durationText(ms)} over ${node.max} iterations`, so: "the last ones are never reached" };
    }
    case "map":
    case "switch":
    case "workflow":
    case "transform":
    case "end":
      return null;
  }
}

/** The worst case: every attempt takes as long as it may, and every pause too. */
function attempts({ retry, timeoutMs, targets }: NodeOf<"agent">, field: string, limitMs: number): Lateness | null {
  const unjittered = { ...retry, jitter: "none" } as const;
  let pausesMs = 0;
  for (let failures = 1; failures < retry.maxAttempts; failures++) pausesMs += retryDelayMs(unjittered, failures, "");
  const totalMs = (retry.maxAttempts * timeoutMs + pausesMs) * targets.length;
  if (totalMs <= limitMs) return null;
  const asked = targets.length > 1 ? ` at each of ${targets.length}` : "";
  const pauses = pausesMs > 0 ? `, and ${durationText(pausesMs)} of pauses` : "";
  const what = `may take ${durationText(totalMs)} (${retry.maxAttempts} × ${durationText(timeoutMs)}${asked}${pauses})`;
  const so =
    timeoutMs >= limitMs ? "its first attempt may use up all of it" : "its last attempts may never be made; shorten timeout or retry";
  return { field, what, so };
}
