/**
 * Whether a double is what a number says. A whole number has to read back digit for digit: it may be an id. A quantity (a
 * decimal, or one in scientific notation whose digits do not reach its units) is rounded to the nearest double, as
 * everywhere, unless that is infinite or zero.
 */
import { excerpt } from "./text.ts";

export type Exactness = "exact" | "inexact" | "minus_zero";

/** Of a number as JSON writes it; what is none is left to the parser. Linear in its length. */
export function exactnessOf(written: string): Exactness {
  if (written === "-0") return "minus_zero";
  const number = decimalOf(written);
  if (number === null) return "exact";
  if (number.digits === "") return number.isNegative ? "minus_zero" : "exact";
  const value = Number(written);
  if (value === 0 || !Number.isFinite(value)) return "inexact";
  if (number.scale < 0 || number.isQuantity) return "exact";
  const back = decimalOf(String(value));
  return back !== null && back.digits === number.digits && back.scale === number.scale ? "exact" : "inexact";
}

/** What whoever wrote it is told. */
export function notExact(written: string): string {
  const value = Number(written);
  const becomes = Number.isFinite(value) ? `it would become ${value === 0 ? "0" : value}` : "it is larger than any";
  return `${excerpt(written, 60)} is no number that a double holds (${becomes}); send it as a text`;
}

/** The number is `digits` times ten to the power of `scale`; the digits neither begin nor end with a zero. */
interface Decimal {
  readonly isNegative: boolean;
  readonly digits: string;
  readonly scale: number;
  /** It has a fraction, and an exponent that goes beyond that. */
  readonly isQuantity: boolean;
}

function decimalOf(written: string): Decimal | null {
  const [, sign, whole = "", fraction = "", exponent = "0"] = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(written) ?? [];
  if (sign === undefined) return null;
  const all = whole + fraction;
  const [first, end] = [firstOther(all), endOfOthers(all)];
  return {
    isNegative: sign === "-",
    digits: first < end ? all.slice(first, end) : "",
    scale: Number(exponent) - fraction.length + (all.length - end),
    isQuantity: endOfOthers(fraction) > 0 && Number(exponent) > endOfOthers(fraction),
  };
}

/** Where the zeros at its beginning end. */
function firstOther(digits: string): number {
  let at = 0;
  while (at < digits.length && digits.charAt(at) === "0") at++;
  return at;
}

/** Where the zeros at its end begin. */
function endOfOthers(digits: string): number {
  let end = digits.length;
  while (end > 0 && digits.charAt(end - 1) === "0") end--;
  return end;
}
