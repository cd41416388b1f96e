/**
 * A definition as a Mermaid flowchart. Takes any JSON in the shape of a definition, and always draws the same of it.
 *
 * An arrow is a dependency: from `needs`, and from what expressions read. Names resolve lexically; what a block's inner
 * steps read of outer ones is an arrow to the block. Text of authors is only in quoted labels, escaped and bounded.
 */
import { rejection, type Rejection } from "../shared/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { excerpt } from "../shared/text.ts";
import { blocksIn, stepsIn, type BlockHolder, type PlacedStep } from "../language/blocks.ts";
import { labelText } from "../language/kinds/kind.ts";
import { kindOf } from "../language/kinds/table.ts";
import { INNER_FIELDS, outerFields, stepsRead } from "./step-references.ts";

export function mermaidOf(definition: JsonObject): Result<string, Rejection> {
  const diagram = new Diagram();
  diagram.drawBlock({ holder: definition, at: "" }, { nodes: new Map(), block: null, outer: null }, "  ");
  diagram.drawChains(definition);
  if (diagram.isFull)
    return err(rejection("limit_reached", `A diagram has at most ${LIMITS.diagramParts} boxes and arrows; this one would have more`));
  return ok(diagram.text());
}

/** The names that the steps of one block see. */
interface Scope {
  /** The node of each step of the block. */
  readonly nodes: Map<string, string>;
  /** The node of the step that the block belongs to. */
  readonly block: string | null;
  readonly outer: Scope | null;
}

const CHAINS = [
  ["on_completed", "completed"],
  ["on_failed", "failed"],
] as const;
const RECTANGLE = ["[", "]"] as const;

class Diagram {
  readonly #boxes: string[] = [];
  /** By their ends, so that two reasons for an arrow are one arrow. */
  readonly #arrows = new Map<string, string>();
  #nodes = 0;

  /** Past the limit nothing that is drawn will be seen. */
  get isFull(): boolean {
    return this.#nodes + this.#arrows.size > LIMITS.diagramParts;
  }

  text(): string {
    return `${["flowchart TD", ...this.#boxes, ...this.#arrows.values()].join("\n")}\n`;
  }

  drawBlock(block: BlockHolder, scope: Scope, indent: string): void {
    const steps = stepsIn(block).map((placed) => ({ placed, node: this.#newNode() }));
    for (const { placed, node } of steps) scope.nodes.set(labelText(placed.step["id"]), node);
    for (const { placed, node } of steps) this.#drawStep(placed, node, scope, indent);
  }

  /** What is started once a task of it has ended. */
  drawChains(definition: JsonObject): void {
    for (const [field, end] of CHAINS) {
      const chains = [definition[field]].flat().filter(isJsonObject);
      if (chains.length === 0) continue;
      const from = this.#newNode();
      this.#box(from, ["([", "])"], [end], "  ");
      for (const chain of chains) {
        const to = this.#newNode();
        this.#box(to, ["[[", "]]"], [labelText(chain["workflow"])], "  ");
        this.#dotted(from, to);
      }
    }
  }

  #drawStep(placed: PlacedStep, node: string, scope: Scope, indent: string): void {
    const { step } = placed;
    const { box = RECTANGLE, label = () => [] } = kindOf(step["type"]);
    const when = typeof step["when"] === "string" ? step["when"] : null;
    const needs = Array.isArray(step["needs"]) ? (step["needs"] as readonly Json[]).map(labelText) : [];
    const sources = [...needs, ...stepsRead(step, outerFields(step))];
    const isReached = sources.map((id) => this.#drawRead(id, scope, node, when)).some((hasArrow) => hasArrow);
    const lines = [labelText(step["id"]), ...label(step), ...(when !== null && !isReached ? [`when ${when}`] : [])];
    const blocks = blocksIn(placed);
    const [block] = blocks;
    if (block === undefined) this.#box(node, box, lines, indent);
    else if (block.holder === step) this.#drawSubgraph(block, node, node, lines, scope, indent);
    else this.#drawChoice(blocks, node, lines, scope, indent);
    this.#drawCompensation(step["compensate"], node, indent);
  }

  #drawChoice(cases: readonly BlockHolder[], node: string, lines: readonly string[], scope: Scope, indent: string): void {
    this.#boxes.push(`${indent}subgraph ${node}[${quoted(lines.slice(0, 1))}]`);
    const choice = this.#newNode();
    this.#box(choice, ["{", "}"], lines, `${indent}  `);
    for (const [index, block] of cases.entries()) {
      const condition = block.holder["when"];
      const isCase = typeof condition === "string";
      const inner = this.#newNode();
      this.#drawSubgraph(block, inner, node, [isCase ? `case ${index + 1}` : "default"], scope, `${indent}  `);
      this.#arrow(choice, inner, isCase ? condition : "otherwise");
      if (isCase) for (const id of stepsRead(block.holder, ["when"])) this.#drawRead(id, scope, node, null);
    }
    this.#boxes.push(`${indent}end`);
  }

  /** `step`: the node of the step that the block belongs to, which is what others see. */
  #drawSubgraph(block: BlockHolder, node: string, step: string, lines: readonly string[], outer: Scope, indent: string): void {
    const scope: Scope = { nodes: new Map(), block: step, outer };
    if (stepsIn(block).length === 0) this.#box(node, RECTANGLE, lines, indent);
    else {
      this.#boxes.push(`${indent}subgraph ${node}[${quoted(lines)}]`);
      this.drawBlock(block, scope, `${indent}  `);
      this.#boxes.push(`${indent}end`);
    }
    for (const id of stepsRead(block.holder, INNER_FIELDS)) this.#drawRead(id, scope, null, null);
  }

  #drawCompensation(compensation: Json | undefined, node: string, indent: string): void {
    if (!isJsonObject(compensation)) return;
    const undo = this.#newNode();
    this.#box(undo, ["(", ")"], [labelText(compensation["capability"] ?? compensation["agent"])], indent);
    this.#dotted(node, undo);
  }

  #dotted(from: string, to: string): void {
    this.#arrows.set(`${from} ${to}`, `  ${from} -.-> ${to}`);
  }

  /**
   * The arrow for reading a step by its name: to the reader, or to the block around it that is a neighbour of what is
   * read. `reader` is `null` for what a block as a whole reads. Says whether there is an arrow to the reader itself.
   */
  #drawRead(id: string, scope: Scope, reader: string | null, when: string | null): boolean {
    let to = reader;
    for (let at: Scope | null = scope; at !== null; at = at.outer) {
      const from = at.nodes.get(id);
      if (from !== undefined) {
        if (to === null || from === to) return false;
        this.#arrow(from, to, to === reader ? when : null);
        return to === reader;
      }
      to = at.block;
    }
    return false;
  }

  #arrow(from: string, to: string, condition: string | null): void {
    const key = `${from} ${to}`;
    if (this.#arrows.has(key) || this.isFull) return;
    this.#arrows.set(key, `  ${from} -->${condition === null || condition.trim() === "" ? "" : `|${quoted([condition])}|`} ${to}`);
  }

  #box(node: string, [open, close]: readonly [string, string], lines: readonly string[], indent: string): void {
    this.#boxes.push(`${indent}${node}${open}${quoted(lines)}${close}`);
  }

  #newNode(): string {
    return `n${this.#nodes++}`;
  }
}

/** Never empty, which Mermaid does not take. */
function quoted(lines: readonly string[]): string {
  const shown = lines.filter((line) => line.trim() !== "").map((line) => escaped(excerpt(line, LIMITS.diagramLabelLength)));
  return `"${shown.join("<br/>") || "…"}"`;
}

/**
 * Whatever could mean something to Mermaid or HTML as a numbered entity, in Mermaid's way of writing one. Its lexer takes
 * "direction LR" for a statement even inside a label.
 */
function escaped(line: string): string {
  const risky = /[^\p{L}\p{N} _.,()=+*!?/…-]|d(?=irection )/giu;
  return line.replaceAll(/\s/g, " ").replaceAll(risky, (character) => `#${character.codePointAt(0)};`);
}
