/** Every expression of a definition, with its place and with what it can start from beside `input`, `steps` and `task`. */
import type { ChainDefinition, WorkflowDefinition } from "../../language/definition.ts";
import type { Expression } from "../../language/expressions/expression.ts";
import type { Template } from "../../language/expressions/template.ts";
import type { Graph } from "../../language/graph.ts";
import { ANYTHING, type Shape } from "../../language/shape.ts";
import { FAILURE, NO_NAMES, type NamedShapes, type ShapeInference } from "./shape-inference.ts";
import type { SourceBlock, SourceStep } from "./source-tree.ts";

export interface PlacedExpression {
  readonly expression: Expression;
  readonly at: string;
  /** The block whose steps it sees. */
  readonly block: SourceBlock;
  readonly names: NamedShapes;
}

/** Without `shapes` the further names are there, and nothing is known of them. */
export function expressionsOf(step: SourceStep, shapes: ShapeInference | null): readonly PlacedExpression[] {
  const { node, kind, at, within, inner } = step;
  const [undo] = node.undo?.steps ?? [];
  const rescue = node.onError.type === "output" ? node.onError.output : null;
  const isWritten = kind.expressions(node).filter(({ value }) => value !== null);
  return [
    ...expressionsIn(node.when, `${at}/when`, within),
    ...expressionsIn(rescue, `${at}/on_error/output`, within),
    ...inner.flatMap((block) => expressionsIn(block.block.output, `${block.at}/output`, block)),
    ...(undo !== undefined && "input" in undo ? expressionsIn(undo.input, `${at}/compensate/input`, within) : []),
    ...isWritten.flatMap(({ field, value, inside, name }) => {
      const block = inside === undefined ? within : (inner[inside] as SourceBlock);
      const shape = (): Shape => (name !== undefined && shapes !== null ? name.shape(shapes.of(step)) : ANYTHING);
      return expressionsIn(value, `${at}/${field}`, block, name === undefined ? NO_NAMES : new Map([[name.name, shape()]]));
    }),
  ];
}

/** Those of the definition itself: its result, and what it hands to others when it has ended. */
export function ownExpressions(
  root: SourceBlock,
  definition: WorkflowDefinition,
  graph: Graph,
  shapes: ShapeInference | null,
): readonly PlacedExpression[] {
  const after = (field: "on_completed" | "on_failed", names: NamedShapes): readonly PlacedExpression[] => {
    const written: ChainDefinition | readonly ChainDefinition[] | undefined = definition[field];
    const chains = field === "on_completed" ? graph.onCompleted : graph.onFailed;
    return chains.flatMap(({ input }, index) =>
      expressionsIn(input, Array.isArray(written) ? `/${field}/${index}/input` : `/${field}/input`, root, names),
    );
  };
  return [
    ...expressionsIn(root.block.output, "/output", root),
    ...after("on_completed", new Map([["output", shapes?.result(root) ?? ANYTHING]])),
    ...after("on_failed", new Map([["error", FAILURE]])),
  ];
}

function expressionsIn(value: Expression | Template | null, at: string, block: SourceBlock, names = NO_NAMES): readonly PlacedExpression[] {
  if (value === null) return [];
  if ("source" in value) return [{ expression: value, at, block, names }];
  return value.expressions.map(({ expression, at: within }) => ({ expression, at: at + within, block, names }));
}
