/** Reads of fields that are not there, as far as schemas and the definition itself tell. What is tested for is not told. */
import type { Workflow } from "../../language/compile.ts";
import type { Expression } from "../../language/expressions/expression.ts";
import { LIMITS } from "../limits.ts";
import { excerpt, nearest } from "../../shared/text.ts";
import { accessesIn, ANY, type Access, type Path } from "./accesses.ts";
import type { Warning } from "./codes.ts";
import { expressionsOf, ownExpressions, type PlacedExpression } from "./expressions.ts";
import { stepsUnder, type SourceStep, type SourceBlock } from "./source-tree.ts";
import { follow, isMiss, type Miss } from "./shape.ts";
import type { ShapeInference } from "./shape-inference.ts";

export function fieldWarnings(root: SourceBlock, { definition, graph }: Workflow, shapes: ShapeInference): readonly Warning[] {
  const warnings: Warning[] = [];
  for (const place of stepsUnder(root)) {
    for (const placed of expressionsOf(place, shapes)) warnings.push(...missesOf(placed, place, shapes));
    // What was meant takes longer to find than everything else.
    if (warnings.length >= LIMITS.faults) return warnings;
  }
  return [...warnings, ...ownExpressions(root, definition, graph, shapes).flatMap((placed) => missesOf(placed, null, shapes))];
}

function missesOf(
  { expression, at, block, names }: PlacedExpression,
  place: SourceStep | null,
  shapes: ShapeInference,
): readonly Warning[] {
  const accesses = accessesIn(expression.source);
  for (const { path, isTest } of accesses) {
    const start = isTest ? null : shapes.start(path, block, names);
    const found = start === null ? null : follow(start.shape, path, start.index);
    if (found === null || !isMiss(found) || isTested(path, found.index, [...accesses, ...guards(place)])) continue;
    // The others wait for this one to be right.
    return [{ code: "unknown_field", pointer: at, ...worded(expression, path, found) }];
  }
  return [];
}

/** Whether anything asks first whether the field is there. */
function isTested(path: Path, index: number, accesses: readonly Access[]): boolean {
  return accesses.some((test) => test.isTest && test.path.length <= index + 1 && test.path.every((key, place) => key === path[place]));
}

/** What has been asked before a step runs: its condition, those of the steps around it, and of the cases that it is in. */
function guards(place: SourceStep | null): readonly Access[] {
  const found: Access[] = [];
  for (let inner = place; inner !== null; inner = inner.within.owner) {
    const { node, within } = inner;
    if (node.when !== null) found.push(...accessesIn(node.when.source));
    const around = within.owner;
    const branch = around?.inner.indexOf(within);
    for (const { value, guards } of around?.kind.expressions(around.node) ?? []) {
      if (guards === branch && value !== null && "source" in value) found.push(...accessesIn(value.source));
    }
  }
  return found;
}

function worded({ source }: Expression, path: Path, { index, on }: Miss): Pick<Warning, "message" | "suggestion"> {
  const holder = written(path.slice(0, index));
  const key = path[index];
  const field = typeof key === "string" ? `"${key}"` : "items";
  const place = `in "${excerpt(source, 100)}": `;
  switch (on.type) {
    case "plain":
      return { message: `${place}${holder} is ${on.name}, which has no ${typeof key === "string" ? `field ${field}` : field}` };
    case "list": {
      if (key === "length" || key === "size")
        return { message: `${place}the length of a list is size(${holder})`, suggestion: `size(${holder})` };
      const [one, all] = [`${holder}[0].${String(key)}`, `${holder}.map(x, x.${String(key)})`];
      return { message: `${place}${holder} is a list, which has no field ${field}; read an item, as ${one}, or all of them, as ${all}` };
    }
    case "object": {
      const fields = [...on.fields.keys()];
      const close = typeof key === "string" ? nearest(key, fields) : null;
      const known = fields.length === 0 ? "it has none" : `it has ${excerpt(fields.join(", "), 200)}`;
      const isSure = on.others === "none" ? `has no field ${field}` : `declares no field ${field}`;
      const message = `${place}${holder} ${isSure}; ${close === null ? known : `did you mean "${close}"?`}`;
      return close === null ? { message } : { message, suggestion: written([...path.slice(0, index), close, ...path.slice(index + 1)]) };
    }
  }
}

/** A path as it is written. */
function written([first, ...rest]: Path): string {
  const keys = rest.map((key) => {
    if (key === ANY) return "[…]";
    return typeof key === "string" && /^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  });
  return String(first) + keys.join("");
}
