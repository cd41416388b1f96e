import { expect, test } from "vitest";
import { traceContextOf } from "../../../src/http/trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

test.each([
  [`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`],
  [`cc-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`],
  [`cc-${TRACE}-${SPAN}-01-what-the-future-brings`, `00-${TRACE}-${SPAN}-01`],
])("%s is taken", (given, taken) => {
  expect(traceContextOf(given, undefined)).toEqual({ traceparent: taken });
});

test.each([
  undefined,
  "",
  `ff-${TRACE}-${SPAN}-01`,
  `00-${"0".repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `00-${TRACE}-${SPAN}-01-more`,
  `cc-${TRACE}-${SPAN}-01.more`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `0-${TRACE}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}`,
  "x".repeat(100_000),
])("%s means nothing, and neither does what is said of it", (given) => {
  expect(traceContextOf(given, "a=1")).toBeNull();
});

test.each(["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "tenant@vendor=x", "a=1, b=2", "a= x y "])(
  "the state %s goes with its trace",
  (state) => {
    expect(traceContextOf(`00-${TRACE}-${SPAN}-01`, state)?.tracestate).toBe(state.trim());
  },
);

test.each(["", "nonsense", "A=1", "a=1,b", "a=\u00fc", "a=1=2", `a=${"x".repeat(300)}`, Array(33).fill("a=1").join(","), "x".repeat(600)])(
  "the state %s is left out",
  (state) => {
    expect(traceContextOf(`00-${TRACE}-${SPAN}-01`, state)).toEqual({ traceparent: `00-${TRACE}-${SPAN}-01` });
  },
);
