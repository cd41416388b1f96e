/** What the operators of CEL do with two values. Everything that they make or compare is paid for. */
import { Duration } from "@marcbachmann/cel-js/evaluator";
import type { Budget } from "./budget.ts";
import { isEqual, typeOfValue } from "./cel-values.ts";
import type { Texts } from "./cel-text.ts";

export const BINARY: ReadonlySet<string> = new Set(["==", "!=", "in", "+", "-", "*", "/", "%", "<", "<=", ">", ">="]);

/** `undefined` where the operator is none of such values. */
export function operate(op: string, left: unknown, right: unknown, texts: Texts, budget: Budget): unknown {
  if (typeof left === "number" && typeof right === "number") return arithmetic(op, left, right);
  switch (op) {
    case "==":
      return isEqual(seen(left), seen(right), budget);
    case "!=":
      return !isEqual(seen(left), seen(right), budget);
    case "in":
      return isIn(left, right, budget);
    case "+":
      return plus(left, right, budget);
    case "-":
      return minus(left, right);
    case "<":
    case "<=":
    case ">":
    case ">=": {
      const order = compare(left, right, texts);
      return order === undefined ? undefined : arithmetic(op, order, 0);
    }
    default:
      return undefined;
  }
}

function seen(value: unknown): unknown {
  typeOfValue(value);
  return value;
}

function arithmetic(op: string, left: number, right: number): unknown {
  switch (op) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    default:
      return undefined;
  }
}

function plus(left: unknown, right: unknown, budget: Budget): unknown {
  if (typeof left === "string" && typeof right === "string") {
    budget.text(left.length + right.length);
    return left + right;
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    budget.list(left.length + right.length);
    return (left as unknown[]).concat(right as unknown[]);
  }
  if (left instanceof Uint8Array && right instanceof Uint8Array) {
    budget.bytes(left.length + right.length);
    const sum = new Uint8Array(left.length + right.length);
    sum.set(left);
    sum.set(right, left.length);
    return sum;
  }
  if (left instanceof Duration && right instanceof Duration) return left.addDuration(right);
  if (left instanceof Date && right instanceof Duration) return right.extendTimestamp(left);
  if (left instanceof Duration && right instanceof Date) return left.extendTimestamp(right);
  return undefined;
}

function minus(left: unknown, right: unknown): unknown {
  if (left instanceof Duration && right instanceof Duration) return left.subtractDuration(right);
  if (left instanceof Date && right instanceof Date) return Duration.fromMilliseconds(left.getTime() - right.getTime());
  if (left instanceof Date && right instanceof Duration) return right.subtractTimestamp(left);
  return undefined;
}

function isIn(wanted: unknown, among: unknown, budget: Budget): boolean | undefined {
  const type = typeOfValue(among);
  if (type === "list") {
    const items = among as readonly unknown[];
    return items.some((item) => {
      budget.spend(1);
      return isEqual(wanted, item, budget);
    });
  }
  if (type !== "map") return undefined;
  return (typeof wanted !== "object" || wanted === null) && Object.hasOwn(among as object, String(wanted));
}

function compare(left: unknown, right: unknown, texts: Texts): number | undefined {
  if (typeof left === "string" && typeof right === "string") return texts.compare(left, right);
  if (typeof left === "boolean" && typeof right === "boolean") return Number(left) - Number(right);
  if (left instanceof Date && right instanceof Date) return left.getTime() - right.getTime();
  if (left instanceof Duration && right instanceof Duration) return left.valueOf() - right.valueOf();
  return undefined;
}
