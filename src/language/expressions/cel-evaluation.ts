/**
 * One evaluation of a parsed expression. The library reads and checks expressions; what they come to is found here, where
 * every step and everything that is made is counted (`budget.ts`), and where no name of JavaScript means anything.
 */
import { EvaluationError } from "@marcbachmann/cel-js";
import type { Rules } from "../rules.ts";
import { BudgetPassed, type Budget } from "./budget.ts";
import { call } from "./cel-functions.ts";
import { BINARY, operate } from "./cel-operators.ts";
import { Texts } from "./cel-text.ts";
import { failure, isObject, keyText, memberOf, seen, type Node } from "./cel-members.ts";
import { isPlain, keysOf, NONE, Optional, outerTypeName, typeName } from "./cel-values.ts";
import { LIMITS } from "../limits.ts";

/** The variables of the loops around a node. */
interface Loop {
  readonly name: string;
  value: unknown;
  readonly outer: Loop | null;
}

export class Evaluation {
  readonly rules: Rules;
  readonly budget: Budget;
  readonly texts: Texts;
  readonly #names: { readonly [name: string]: unknown };

  constructor(names: { readonly [name: string]: unknown }, rules: Rules, budget: Budget) {
    this.budget = budget;
    this.#names = names;
    this.rules = rules;
    this.texts = new Texts(rules, budget);
  }

  run(node: Node, loop: Loop | null = null): unknown {
    this.budget.spend(1);
    const { op, args } = node;
    switch (op) {
      case "value":
        return args;
      case "id":
        return this.#named(node, loop);
      case ".": {
        const [base, name] = args as [Node, string];
        return this.#field(this.run(base, loop), name, node);
      }
      case "[]": {
        const [base, key] = args as [Node, Node];
        return this.#field(this.run(base, loop), this.run(key, loop), node);
      }
      case ".?": {
        const [base, name] = args as [Node, string];
        return this.#optionalField(this.run(base, loop), name, node);
      }
      case "[?]": {
        const [base, key] = args as [Node, Node];
        return this.#optionalField(this.run(base, loop), this.run(key, loop), node);
      }
      case "call":
        return this.#call(node, loop);
      case "rcall":
        return this.#method(node, loop);
      case "list":
        return this.#list(args as readonly Node[], loop);
      case "map":
        return this.#map(args as readonly (readonly [Node, Node])[], loop);
      case "?:": {
        const [condition, yes, no] = args as [Node, Node, Node];
        return this.run(this.#holds(condition, loop) ? yes : no, loop);
      }
      case "||":
        return this.#either(node, true, loop);
      case "&&":
        return this.#either(node, false, loop);
      case "!_":
      case "-_":
        return this.#unary(node, this.run(args as Node, loop));
    }
    if (BINARY.has(op)) return this.#binary(node, loop);
    throw failure(node, "unknown_operator", `Unknown operator: ${op}`);
  }

  #named(node: Node, loop: Loop | null): unknown {
    const name = node.args as string;
    for (let around = loop; around !== null; around = around.outer) if (around.name === name) return around.value;
    const constant = node.meta?.alternate;
    if (constant?.op === "value") return constant.args;
    const value = this.#names[name];
    if (value === undefined) throw failure(node, "unknown_variable", `Unknown variable: ${name}`);
    return this.#seen(value);
  }

  #seen(value: unknown): unknown {
    return seen(value, this.rules);
  }

  #field(base: unknown, key: unknown, node: Node): unknown {
    if (base instanceof Optional) return this.#optionalField(base, key, node);
    const value = memberOf(base, key, node, this.rules);
    if (value === undefined) throw failure(node, "no_such_key", `No such key: ${keyText(key)}`);
    return value;
  }

  #optionalField(base: unknown, key: unknown, node: Node): Optional {
    const of = base instanceof Optional ? (base.hasValue() ? base.value() : undefined) : base;
    if (of === undefined) return NONE;
    this.#seen(of);
    const value = this.#attempt(() => memberOf(of, key, node, this.rules));
    if (value instanceof Error && !(value instanceof EvaluationError)) throw value;
    return value === undefined || value instanceof Error ? NONE : new Optional(value);
  }

  /** Whether the last name of `a.b.c` is there; those before it have to be. */
  #has(node: Node, loop: Loop | null): boolean {
    const names: Node[] = [];
    let at = node;
    for (; at.op === "." || at.op === ".?"; at = (at.args as [Node, string])[0]) names.unshift(at);
    let value = this.run(at, loop);
    let isOptional = false;
    for (const [index, name] of names.entries()) {
      isOptional ||= name.op === ".?";
      const [, key] = name.args as [Node, string];
      value =
        value instanceof Optional
          ? this.#optionalField(value, key, name)
          : Array.isArray(value)
            ? undefined
            : memberOf(value, key, name, this.rules);
      if (value !== undefined) continue;
      if (isOptional || index === names.length - 1) return false;
      throw failure(name, "no_such_key", `No such key: ${key}`);
    }
    return true;
  }

  #call(node: Node, loop: Loop | null): unknown {
    const [name, args] = node.args as [string, readonly Node[]];
    if (name === "has") return this.#has(args[0] as Node, loop);
    return call(this, node, name, null, this.#all(args, loop));
  }

  #method(node: Node, loop: Loop | null): unknown {
    const [name, receiver, args] = node.args as [string, Node, readonly Node[]];
    const [first, second, third] = args;
    if (first !== undefined && second !== undefined && LOOPS.has(name)) {
      if (third === undefined || name === "map") return this.#loop(node, receiver, args, loop);
    }
    if (first !== undefined && second === undefined && (name === "orValue" || name === "or")) {
      const of = this.run(receiver, loop);
      if (!(of instanceof Optional))
        throw failure(
          receiver,
          "optional_expected",
          `optional.${name === "or" ? "or(optional)" : "orValue(value)"} receiver must be optional`,
        );
      if (of.hasValue()) return name === "or" ? of : of.value();
      const other = this.run(first, loop);
      if (name === "orValue" || other instanceof Optional) return other;
      throw failure(first, "optional_expected", "optional.or(optional) argument must be optional");
    }
    const values = this.#all([receiver, ...args], loop);
    return call(this, node, name, { value: values[0] }, values.slice(1));
  }

  /** The last one first, as the library does it. */
  #all(nodes: readonly Node[], loop: Loop | null): unknown[] {
    const values: unknown[] = [];
    values.length = nodes.length;
    for (let at = nodes.length - 1; at >= 0; at--) values[at] = this.run(nodes[at] as Node, loop);
    return values;
  }

  #list(items: readonly Node[], loop: Loop | null): unknown[] {
    this.budget.list(items.length);
    return this.#all(items, loop);
  }

  #map(entries: readonly (readonly [Node, Node])[], loop: Loop | null): object {
    this.budget.map(entries.length);
    const map = {};
    for (const [keyNode, valueNode] of entries) {
      const keyValue = this.run(keyNode, loop);
      // Tasks of the first rules take whatever it is by some name.
      if (this.rules > 0 && isObject(keyValue))
        throw failure(keyNode, "unsupported_key", `A key is a text, a number or a truth value, not a ${outerTypeName(keyValue)}`);
      const key = keyText(keyValue);
      const value = this.run(valueNode, loop);
      if (this.rules === 0) {
        if (NEVER_KEPT.has(key)) continue;
      } else if (Object.hasOwn(map, key)) throw failure(keyNode, "duplicate_key", `The map has the key "${key.slice(0, 100)}" twice`);
      Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
    }
    return map;
  }

  #holds(condition: Node, loop: Loop | null): boolean {
    const value = this.run(condition, loop);
    if (typeof value === "boolean") return value;
    const label = condition.meta?.label ?? "Ternary condition must be bool";
    throw failure(condition, "invalid_condition_type", `${label}, got '${typeName(value, this.budget)}'`);
  }

  /** What fails is passed over, but for a budget that is used up. Each time costs, as making an error does. */
  #attempt(run: () => unknown): unknown {
    try {
      return run();
    } catch (error) {
      if (error instanceof BudgetPassed || !(error instanceof Error)) throw error;
      this.budget.spend(LIMITS.stepsOfError);
      return error;
    }
  }

  /** `||` where `decisive` is true, `&&` where it is false: what decides alone makes up for an error in the other. */
  #either(node: Node, decisive: boolean, loop: Loop | null): boolean {
    const [leftNode, rightNode] = node.args as [Node, Node];
    const left = this.#attempt(() => this.run(leftNode, loop));
    if (left === decisive) return decisive;
    const right = this.run(rightNode, loop);
    if (typeof right !== "boolean") throw this.#noOperand(right, leftNode);
    if (left === !decisive || right === decisive) return right;
    throw left instanceof Error ? left : this.#noOperand(left, leftNode);
  }

  #noOperand(value: unknown, node: Node): EvaluationError {
    return failure(node, "invalid_logical_operand", `Logical operator requires bool operands, got '${typeName(value, this.budget)}'`);
  }

  #unary(node: Node, value: unknown): unknown {
    if (node.op === "!_" && typeof value === "boolean") return !value;
    if (node.op === "-_" && typeof value === "number") return -value;
    throw failure(node, "no_such_overload", `no such overload: ${node.op[0] ?? ""}${typeName(value, this.budget)}`);
  }

  #binary(node: Node, loop: Loop | null): unknown {
    const [leftNode, rightNode] = node.args as [Node, Node];
    const left = this.run(leftNode, loop);
    const right = this.run(rightNode, loop);
    const value = operate(node.op, left, right, this.texts, this.budget);
    if (value !== undefined) return value;
    const [a, b] = [
      node.leftStaticType?.name ?? `dyn<${typeName(left, this.budget)}>`,
      node.rightStaticType?.name ?? `dyn<${typeName(right, this.budget)}>`,
    ];
    throw failure(node, "no_such_overload", `no such overload: ${a} ${node.op} ${b}`);
  }

  #loop(node: Node, receiver: Node, args: readonly Node[], outer: Loop | null): unknown {
    const [name] = node.args as [string];
    const over = this.run(receiver, outer);
    const [variable, body] = args as [Node, Node];
    const inner: Loop = { name: variable.args as string, value: null, outer };
    const items = this.#itemsOf(over, receiver);
    if (name === "all" || name === "exists") return this.#quantify(items, name === "exists", body, inner);
    const made: unknown[] = [];
    let count = 0;
    for (const item of items) {
      inner.value = this.#seen(item);
      this.budget.spend(1);
      if (name === "map" && args.length === 2) this.#push(made, this.run(body, inner));
      else if (!this.#holds(body, inner)) continue;
      else if (name === "map") this.#push(made, this.run(args[2] as Node, inner));
      else if (name === "filter") this.#push(made, item);
      else count++;
    }
    return name === "exists_one" ? count === 1 : made;
  }

  #push(list: unknown[], item: unknown): void {
    this.budget.item();
    list.push(item);
  }

  /** Until one decides; an error only counts where none does. */
  #quantify(items: readonly unknown[], decisive: boolean, body: Node, inner: Loop): boolean {
    let failed: unknown;
    for (const item of items) {
      this.budget.spend(1);
      const holds = this.#attempt(() => {
        inner.value = this.#seen(item);
        return this.#holds(body, inner);
      });
      if (holds === decisive) return decisive;
      if (holds instanceof Error) failed ??= holds;
    }
    if (failed !== undefined) throw failed as Error;
    return !decisive;
  }

  #itemsOf(over: unknown, node: Node): readonly unknown[] {
    if (Array.isArray(over)) return over;
    if (isObject(over) && isPlain(over)) return keysOf(over, this.budget);
    const message = `Expression of type '${isObject(over) ? outerTypeName(over) : typeName(over, this.budget)}' cannot be range of a comprehension (must be list, map, or dynamic).`;
    throw failure(node, "invalid_comprehension_range", message);
  }
}

const LOOPS: ReadonlySet<string> = new Set(["map", "filter", "all", "exists", "exists_one"]);
const NEVER_KEPT: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
