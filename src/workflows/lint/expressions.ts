/** Every expression of a definition, with its place and with what it can start from beside `input`, `steps` and `task`. */
import type { ChainDefinition, WorkflowDefinition } from "../../language/definition.ts";
import type { Expression } from "../../language/expressions/expression.ts";
import type { Graph } from "../../language/graph.ts";
import type { Template } from "../../language/expressions/template.ts";
import type { Place, PlacedBlock } from "./places.ts";
import { ANYTHING } from "./shape.ts";
import { FAILURE, NO_NAMES, type Names, type Shapes } from "./shapes.ts";

export interface PlacedExpression {
  readonly expression: Expression;
  readonly at: string;
  /** The block whose steps it sees. */
  readonly block: PlacedBlock;
  readonly names: Names;
}

/** Without `shapes` the further names are there, and nothing is known of them. */
export function expressionsOf(place: Place, shapes: Shapes | null): readonly PlacedExpression[] {
  const { node, at, within, inner } = place;
  const found: PlacedExpression[] = [];
  const bare = (expression: Expression | null, field: string, block = within, names = NO_NAMES): void => {
    if (expression !== null) found.push({ expression, at: `${at}/${field}`, block, names });
  };
  const template = (value: Template | null, field: string): void => {
    if (value !== null) found.push(...inTemplate(value, `${at}/${field}`, within));
  };
  bare(node.when, "when");
  if (node.onError.type === "output") template(node.onError.output, "on_error/output");
  for (const block of inner) if (block.block.output !== null) found.push(...inTemplate(block.block.output, `${block.at}/output`, block));
  const [undo] = node.undo?.steps ?? [];
  if (undo?.kind === "agent") template(undo.input, "compensate/input");
  switch (node.kind) {
    case "agent": {
      const reply: Names = new Map([["output", shapes?.answer({ ...node, ensemble: null }) ?? ANYTHING]]);
      template(node.input, "input");
      bare(node.sticky, "select/sticky");
      bare(node.cache?.key ?? null, "cache/key");
      template(node.cache?.tags ?? null, "cache/tags");
      template(node.invalidates, "invalidates");
      bare(node.ensemble?.by ?? null, "ensemble/by", within, reply);
      bare(node.ensemble?.score ?? null, "ensemble/score", within, reply);
      break;
    }
    case "map":
      template(node.over, "over");
      break;
    case "switch":
      node.cases.forEach(({ when }, index) => bare(when, `cases/${index}/when`));
      break;
    case "repeat": {
      const [block] = inner as [PlacedBlock];
      bare(node.until, "until", block, new Map([["output", shapes?.result(block) ?? ANYTHING]]));
      break;
    }
    case "workflow":
      template(node.input, "input");
      break;
    case "wait":
      template(node.until.value, node.until.type);
      break;
    case "signal":
      bare(node.match, "match", within, new Map([["signal", ANYTHING]]));
      break;
    case "approval":
      template(node.title, "title");
      template(node.payload, "payload");
      break;
    case "transform":
      template(node.output, "output");
      break;
    case "end":
      template(node.output, "output");
      template(node.error?.message ?? null, "error/message");
      break;
  }
  return found;
}

/** Those of the definition itself: its result, and what it hands to others when it has ended. */
export function ownExpressions(
  root: PlacedBlock,
  definition: WorkflowDefinition,
  graph: Graph,
  shapes: Shapes | null,
): readonly PlacedExpression[] {
  const output = root.block.output === null ? [] : inTemplate(root.block.output, "/output", root);
  const after = (field: "on_completed" | "on_failed", names: Names): readonly PlacedExpression[] => {
    const written: ChainDefinition | readonly ChainDefinition[] | undefined = definition[field];
    const chains = field === "on_completed" ? graph.onCompleted : graph.onFailed;
    return chains.flatMap(({ input }, index) =>
      input === null ? [] : inTemplate(input, Array.isArray(written) ? `/${field}/${index}/input` : `/${field}/input`, root, names),
    );
  };
  return [
    ...output,
    ...after("on_completed", new Map([["output", shapes?.result(root) ?? ANYTHING]])),
    ...after("on_failed", new Map([["error", FAILURE]])),
  ];
}

function inTemplate({ expressions }: Template, at: string, block: PlacedBlock, names = NO_NAMES): readonly PlacedExpression[] {
  return expressions.map(({ expression, at: within }) => ({ expression, at: at + within, block, names }));
}
