/** W3C trace context: whose trace a request belongs to. What is malformed is ignored, as its specification asks. */
import { LIMITS } from "./limits.ts";

export interface TraceContext {
  readonly traceparent: string;
  /** What tracers of others say of it, as it came. */
  readonly tracestate?: string;
}

/** In the version that we write, whatever later one it came in; `null` where there is none that means anything. */
export function traceContextOf(traceparent: string | undefined, tracestate: string | undefined): TraceContext | null {
  const [, version, trace, span, flags, more] = TRACEPARENT.exec(traceparent?.trim() ?? "") ?? [];
  if (trace === undefined || span === undefined || version === "ff" || isZero(trace) || isZero(span)) return null;
  if (version === "00" && more !== undefined) return null;
  const state = tracestate?.trim() ?? "";
  return { traceparent: `00-${trace}-${span}-${flags}`, ...(isTraceState(state) && { tracestate: state }) };
}

/** A later version may say more after these. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?$/;
const isZero = (id: string): boolean => /^0+$/.test(id);

/** Members `key=value`; one that is none makes all of it meaningless. */
function isTraceState(text: string): boolean {
  if (text === "" || text.length > LIMITS.traceStateLength) return false;
  const members = text.split(",").map((member) => member.trim());
  return members.length <= LIMITS.traceStateMembers && members.every((member) => member === "" || MEMBER.test(member));
}

const MEMBER = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}$/;
