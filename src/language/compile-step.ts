/** One step of a definition, ready to run: what every kind has, and what is its own. */
import { taskBudget } from "./budget-definition.ts";
import { pointer, type Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { durationMs } from "../shared/time.ts";
import { compileAgent } from "./compile-agent.ts";
import type { BlockCompiler } from "./compile-block.ts";
import type { MapStepDefinition, RepeatStepDefinition, StepDefinition, SwitchStepDefinition } from "./definition.ts";
import type { Expression } from "./expressions/expression.ts";
import { readsOf, type OnError, type Read, type StepNode } from "./graph.ts";
import { NOTHING, type Template } from "./expressions/template.ts";

/** The needs and dependents come from the block. */
type Draft<N extends StepNode = StepNode> = N extends StepNode ? Omit<N, "needs" | "dependents"> : never;
type Own<N extends StepNode> = N extends StepNode ? Omit<N, keyof Common | "needs" | "dependents"> : never;
type Common = Pick<StepNode, "index" | "id" | "reads" | "runIf" | "when" | "onError" | "undo" | "listens">;

/** Where a step's expressions note what they read, and its block what it listens for. */
export interface Notes {
  readonly reads: Map<string, Read>;
  readonly listens: Set<string>;
}

export function compileStep(block: BlockCompiler, step: StepDefinition, index: number, at: string, notes: Notes): Draft {
  const { reads, listens } = notes;
  const when = step.when === undefined ? null : block.expression(step.when, "bool", `${at}/when`, reads);
  const onError = compileOnError(block, step, at, reads);
  const own = compileKind(block, step, at, notes);
  const undo = step.compensate === undefined ? null : block.undo({ id: UNDO, type: "agent", ...step.compensate }, `${at}/compensate`);
  const runIf = step.run_if ?? "all_completed";
  const common: Common = {
    index,
    id: step.id,
    reads: readsOf(reads),
    runIf,
    when,
    onError,
    undo,
    listens: listens.size === 0 ? NO_SIGNALS : listens,
  };
  return { ...common, ...own };
}

/** The id of the only step of a block that undoes another. */
const UNDO = "undo";
const NO_SIGNALS: ReadonlySet<string> = new Set();

function compileKind(block: BlockCompiler, step: StepDefinition, at: string, { reads, listens }: Notes): Own<StepNode> {
  const template = (value: unknown, field: string): Template => block.template(value as Json, `${at}/${field}`, reads);
  switch (step.type) {
    case undefined:
    case "agent":
      return compileAgent(block, step, at, reads);
    case "map":
      return compileMap(block, step, at, reads);
    case "switch":
      return compileSwitch(block, step, at, reads);
    case "repeat":
      return compileRepeat(block, step, at);
    case "workflow":
      return {
        kind: "workflow",
        workflow: step.workflow,
        input: step.input === undefined ? NOTHING : template(step.input, "input"),
        budget: taskBudget(step.budget, undefined) ?? null,
      } satisfies Own<StepNode>;
    case "wait": {
      const type = step.for === undefined ? "until" : "for";
      return { kind: "wait", until: { type, value: template(step[type], type) } } satisfies Own<StepNode>;
    }
    case "signal":
      listens.add(step.name);
      return {
        kind: "signal",
        name: step.name,
        match: step.match === undefined ? null : block.expression(step.match, "bool", `${at}/match`, reads, ["signal"]),
        timeoutMs: step.timeout === undefined ? null : durationMs(step.timeout),
      } satisfies Own<StepNode>;
    case "approval": {
      if (step.escalate_to !== undefined && step.due === undefined)
        refuse(block, `${at}/escalate_to`, 'to escalate it has to be "due" some time');
      if (step.on_expiry !== undefined && step.due === undefined) refuse(block, `${at}/on_expiry`, 'it never expires unless it is "due"');
      return {
        kind: "approval",
        title: template(step.title, "title"),
        payload: step.payload === undefined ? NOTHING : template(step.payload, "payload"),
        assignees: step.assignees ?? [],
        quorum: step.quorum ?? 1,
        dueMs: step.due === undefined ? null : durationMs(step.due),
        onExpiry: step.on_expiry ?? "fail",
        escalateTo: step.escalate_to ?? [],
        isEditable: step.editable ?? false,
      } satisfies Own<StepNode>;
    }
    case "transform":
      return { kind: "transform", output: template(step.output, "output") } satisfies Own<StepNode>;
    case "end": {
      const status = step.status ?? "completed";
      if (status === "completed" && step.error !== undefined)
        refuse(block, `${at}/error`, 'only with the status "failed" there is an error');
      if (status === "failed" && step.output !== undefined) refuse(block, `${at}/output`, "a task that failed has no output");
      return {
        kind: "end",
        status,
        output: step.output === undefined ? null : template(step.output, "output"),
        error:
          step.error === undefined ? null : { code: step.error.code ?? "ended", message: template(step.error.message, "error/message") },
      } satisfies Own<StepNode>;
    }
  }
}

function compileMap(block: BlockCompiler, step: MapStepDefinition, at: string, reads: Map<string, Read>): Own<StepNode> {
  const [as, indexAs] = [step.as ?? "item", step.index ?? "index"];
  if (as === indexAs) refuse(block, `${at}/index`, `"${as}" cannot be the item and its index`);
  const names = [
    { field: "as", name: as },
    { field: "index", name: indexAs },
  ];
  for (const { field, name } of names) {
    if (TAKEN.includes(name)) refuse(block, `${at}/${field}`, `"${name}" means something else already; choose another name`);
  }
  const over = overOf(block, step.over, `${at}/over`, reads);
  if (Array.isArray(step.over) && step.over.length > LIMITS.mapItems)
    refuse(block, `${at}/over`, `a map has at most ${LIMITS.mapItems} items`);
  const inner = block.inner(step.steps, `${at}/steps`, step.output, [as, indexAs]);
  for (const { field, name } of names) {
    // A name that nothing inside reads hides nothing from anybody.
    if (block.variables.includes(name) && inner.compiler.names.has(name)) warnOfShadow(block, name, `${at}/${field}`);
  }
  // What has to see or change the whole task stays in it, and so does what people look for there.
  const staysHere = (["signal", "approval", "end", "undo"] as const).some((kind) => inner.compiler.kinds.has(kind));
  return {
    kind: "map",
    over,
    overAt: `${at}/over`,
    as,
    indexAs,
    block: inner.block,
    concurrency: step.concurrency ?? null,
    tolerate: typeof step.tolerate === "string" ? { share: Number(step.tolerate.slice(0, -1)) / 100 } : { items: step.tolerate ?? 0 },
    path: [...block.path, step.id],
    outside: staysHere
      ? null
      : { reads: readsOf(inner.compiler.escapes), names: new Set([...inner.compiler.names].filter((name) => isOutside(block, name))) },
  } satisfies Own<StepNode>;
}

const isOutside = (block: BlockCompiler, name: string): boolean => name === "input" || name === "task" || block.variables.includes(name);

/** A list written out may have `${ … }` in it; a text is an expression, with or without `${ … }` around it. */
function overOf(block: BlockCompiler, over: MapStepDefinition["over"], at: string, reads: Map<string, Read>): Template {
  if (typeof over !== "string") return block.template(over as Json, at, reads);
  const isWrapped = /^\s*\$\{/.test(over);
  return block.template(isWrapped ? over.trim() : `\${ ${over} }`, at, reads);
}

function compileSwitch(block: BlockCompiler, step: SwitchStepDefinition, at: string, reads: Map<string, Read>): Own<StepNode> {
  const cases = step.cases.map(({ when, steps, output }, index) => {
    const place = at + pointer("cases", index);
    const condition = block.expression(when, "bool", `${place}/when`, reads);
    return { when: condition ?? NEVER, block: block.inner(steps, `${place}/steps`, output).block };
  });
  const otherwise = step.default === undefined ? null : block.inner(step.default.steps, `${at}/default/steps`, step.default.output).block;
  return { kind: "switch", cases, otherwise } satisfies Own<StepNode>;
}

/** In the place of an expression that did not compile: the definition is refused anyway. */
const NEVER = null as unknown as Expression;

function compileRepeat(block: BlockCompiler, step: RepeatStepDefinition, at: string): Own<StepNode> {
  const { block: inner, compiler } = block.inner(step.steps, `${at}/steps`, step.output, ["iteration", "previous"]);
  const untilReads = new Map<string, Read>();
  const until = step.until === undefined ? null : compiler.expression(step.until, "bool", `${at}/until`, untilReads, ["output"]);
  return {
    kind: "repeat",
    block: inner,
    until,
    untilReads: readsOf(untilReads),
    max: step.max,
    delayMs: step.delay === undefined ? 0 : durationMs(step.delay),
  } satisfies Own<StepNode>;
}

function compileOnError(block: BlockCompiler, { on_error }: StepDefinition, at: string, reads: Map<string, Read>): OnError {
  if (on_error === undefined || on_error === "fail") return FAIL;
  if (on_error === "continue") return CONTINUE;
  return { type: "output", output: block.template(on_error.output as Json, `${at}/on_error/output`, reads) };
}

const FAIL: OnError = { type: "fail" };
const CONTINUE: OnError = { type: "continue" };

/** Names that mean something already. */
const TAKEN: readonly string[] = ["input", "steps", "task", "output", "signal", "iteration", "previous", "true", "false", "null", "in"];

function warnOfShadow(block: BlockCompiler, name: string, at: string): void {
  const message = `"${name}" is the name of something outside already, which the steps inside cannot see any more; choose another with "as" or "index"`;
  block.findings.warn(at, message);
}

function refuse(block: BlockCompiler, at: string, message: string): void {
  block.findings.fault("invalid_definition", at, message);
}
