/** What a task hands to those it starts, made from its journal: always the same, however often it is asked for. */
import { passesBound } from "../../shared/json-size.ts";
import { compileWorkflow } from "../../language/compile.ts";
import { familyTooLarge, loanOf, shareOf, sharesOfChains } from "../../engine/aspects/table.ts";
import { smaller } from "../../language/budget-definition.ts";
import { concurrencyOfChild, toleratedInPart } from "../../engine/kinds/map.ts";
import type { EventOf } from "../../engine/facts/event.ts";
import { parentOf } from "../../engine/facts/created.ts";
import type { Failure } from "../../engine/facts/failure.ts";
import { partOf, scopeIn, scopeOfStep, withName } from "../../engine/state/scope.ts";
import { stepNamed } from "../../engine/state/state.ts";
import { isKind, type Step } from "../../engine/state/step-state.ts";
import type { Chain, NodeOf } from "../../language/graph.ts";
import { readValue } from "../../engine/facts/value.ts";
import { errorView } from "../views/waiting-view.ts";
import { childTaskId } from "../../shared/ids.ts";
import type { Rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { jsonToBytes } from "../../shared/json-bytes.ts";
import { entryOf, type Library, type LibraryEntry } from "../../language/library.ts";
import { LIMITS } from "../limits.ts";
import { assert, err, ok, type Result } from "../../shared/result.ts";
import { childSpan } from "../object/call.ts";
import type { Journal } from "../object/journal.ts";
import type { Loaded } from "../journal/load.ts";
import { startedFingerprint } from "./fingerprint.ts";
import { optionsOf, planSubmission, type Inherited, type Planned } from "./plan.ts";
import type { Submission } from "./submission.ts";
import { workThatUndoes } from "./undoing.ts";

export interface ChildTask {
  readonly task: string;
  readonly step: string;
  readonly branch: number;
}

export class ChildSubmissions {
  readonly #journal: Journal;
  /** The task's own definition, for those with some of its items. */
  #definition: string | null = null;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  startOver(): void {
    this.#definition = null;
  }

  submissionFor(loaded: Loaded, child: ChildTask, now: number): Result<Submission, Failure> {
    const undoes = loaded.state.children.get(child.task)?.undoes;
    if (undoes !== undefined) return this.#undoing(loaded, child, this.#read(undoes));
    const step = stepNamed(loaded.state, child.step);
    if (isKind(step, "map")) return this.#part(loaded, step, child);
    assert(isKind(step, "workflow"), "only maps and workflows start tasks");
    return this.#workflow(loaded, step, child, now);
  }

  #part(loaded: Loaded, step: Step<NodeOf<"map">>, child: ChildTask): Result<Submission, Failure> {
    const { state } = loaded;
    const chunk = step.branches?.chunk ?? LIMITS.mapChunk;
    const first = child.branch * chunk;
    const created = this.#created();
    this.#definition ??= JSON.stringify(this.#read(created.definition));
    const input = partOf(state, step, first, first + chunk, this.#journal) as unknown as Json;
    if (isTooLarge(input)) return err(INPUT_TOO_LARGE);
    const family = shareOf(state, child.task);
    return ok({
      ...this.#child(loaded, child),
      ...optionsOf(created),
      ...(family && { family }),
      ...(created.library && { library: this.#read(created.library) }),
      type: created.task_type ?? null,
      rules: state.graph.rules,
      workflow: created.workflow,
      definition: this.#definition,
      input,
      deadlineAt: state.created.deadline_at ?? null,
      spread: {
        path: step.node.path,
        first,
        concurrency: concurrencyOfChild(step.node),
        tolerate: toleratedInPart(state, step),
      },
    });
  }

  /** A task that undoes what another one did: it has all the time it needs, and tries everything. */
  #undoing(loaded: Loaded, child: ChildTask, undoing: Json): Result<Submission, Failure> {
    const { state } = loaded;
    const work = workThatUndoes(undoing);
    if (!work.ok) return work;
    const common = { ...this.#child(loaded, child), ...optionsOf(state.created), failFast: false };
    return ok({
      ...common,
      ...work.value,
      type: null,
      rules: state.graph.rules,
      workflow: { name: null, version: null },
      deadlineAt: null,
    });
  }

  #workflow(loaded: Loaded, step: Step<NodeOf<"workflow">>, child: ChildTask, now: number): Result<Submission, Failure> {
    const { state } = loaded;
    if (depthOf(loaded) >= LIMITS.childDepth) {
      const message = `${LIMITS.childDepth} tasks are inside each other; does a workflow start itself?`;
      return err({ code: "nested_too_deep", message, retryable: false });
    }
    const entry = entryOf(this.library(), step.node.workflow);
    if (entry === undefined) return err(unknownWorkflow(step.node.workflow));
    const input = step.node.input.evaluate(() => scopeOfStep(state, step, this.#journal));
    if (!input.ok) return err({ code: "expression_error", message: input.error, retryable: false });
    const loan = loanOf(state, child.task, step.startedAt ?? now);
    const inherited = {
      until: state.created.deadline_at ?? null,
      budget: smaller(loan, step.node.budget ?? undefined),
      family: shareOf(state, child.task),
    };
    return this.#planned(loaded, entry, this.#child(loaded, child), input.value, inherited, step.startedAt ?? now);
  }

  /** A task that is started because this one has ended, to go its own way. */
  chained(loaded: Loaded, chains: readonly Chain[], index: number, now: number): Result<Submission, Failure> {
    const { state } = loaded;
    const chain = chains[index];
    assert(chain !== undefined, "one of its chains is started");
    const { tenant, task, chain: before } = state.created;
    const depth = (before?.depth ?? 0) + 1;
    if (depth > LIMITS.chainDepth) {
      const message = `${LIMITS.chainDepth} tasks have started each other in a row; a chain ends there`;
      return err({ code: "chain_too_long", message, retryable: false });
    }
    const entry = entryOf(this.library(), chain.workflow);
    if (entry === undefined) return err(unknownWorkflow(chain.workflow));
    const input = this.#chainInput(loaded, chain);
    if (!input.ok) return err({ code: "expression_error", message: input.error, retryable: false });
    const family = sharesOfChains(state, chains)?.[index];
    if (family === null) return err(familyTooLarge(state.created.family?.root ?? task));
    const common = this.#common(loaded, childTaskId(tenant, task, state.createdAt, "> chain", index), `> chain/${index}`);
    return this.#planned(loaded, entry, { ...common, chain: { from: task, depth } }, input.value, { family }, now);
  }

  /** A task of a registered workflow, with what this one hands on. */
  #planned(
    { state }: Loaded,
    { name, version, definition }: LibraryEntry,
    common: Omit<Submission, keyof Planned> & { readonly task: string },
    input: Json,
    inherited: Inherited,
    now: number,
  ): Result<Submission, Failure> {
    if (isTooLarge(input)) return err(INPUT_TOO_LARGE);
    if (state.graph.rules > 0 && isTooDeep(input)) return err(INPUT_TOO_DEEP);
    const compiled = compileWorkflow(definition, state.graph.rules);
    if (!compiled.ok) return err({ code: "invalid_definition", message: `Workflow "${name}" is not valid any more`, retryable: false });
    const { library } = this.#created();
    const runnable = { type: name, workflow: { name, version }, definition, compiled: compiled.value };
    const planned = planSubmission(
      common.task,
      { ...runnable, ...(library && { library: this.#read(library) }) },
      input,
      {},
      { ...optionsOf(state.created), ...inherited },
      now,
    );
    return planned.ok ? ok({ ...common, ...planned.value }) : err(failureOf(planned.error, name));
  }

  /** As the workflow maps it; else what the task came to. */
  #chainInput({ state }: Loaded, chain: Chain): Result<Json, string> {
    const { end, root } = state;
    const stored = end?.output ?? null;
    const output = stored === null ? null : readValue(stored, this.#journal);
    const error = errorView(end?.error ?? null) as Json;
    if (chain.input === null) return ok(end?.status === "completed" ? output : { error, input: readValue(state.input, this.#journal) });
    const scope = scopeIn(state, root, chain.reads, this.#journal);
    return chain.input.evaluate(() => withName(withName(scope, "output", output), "error", error));
  }

  /** The definitions that the task may start. */
  library(): Library {
    const { library } = this.#created();
    return library === undefined ? {} : (this.#read(library) as unknown as Library);
  }

  #child(loaded: Loaded, { task, step, branch }: ChildTask) {
    const parent = parentOf(loaded.state.created, step, branch);
    const after = loaded.state.children.get(task)?.after ?? null;
    return { ...this.#common(loaded, task, `${step}/${branch}`), parent, ...(after !== null && { after }) };
  }

  #common({ state }: Loaded, task: string, why: string) {
    const { tenant, traceparent, tracestate, origin } = state.created;
    return {
      tenant,
      task,
      actor: { type: "task" as const, id: state.created.task },
      fingerprint: startedFingerprint(state.created.task),
      traceparent: childSpan(traceparent, `${state.created.task}/${why}`),
      ...(tracestate !== undefined && { tracestate }),
      origin,
    };
  }

  #created(): EventOf<"task.created"> {
    const created = this.#journal.rowWith(1)?.events[0];
    assert(created?.type === "task.created", "a journal begins with task.created");
    return created;
  }

  #read(stored: EventOf<"task.created">["definition"]): Json {
    return readValue(stored, this.#journal);
  }
}

const depthOf = ({ state }: Loaded): number => state.created.parent?.depth ?? 0;

function unknownWorkflow(reference: string): Failure {
  return { code: "unknown_workflow", message: `There was no workflow "${reference}" when the task began`, retryable: false };
}

/** Whoever cannot record its input never begins, however often it is started. */
function isTooLarge(input: Json): boolean {
  // Counted before it is copied: what is referred to often may be a thousand times as large as what there is.
  const passed = passesBound(input, { length: LIMITS.valueBytes, depth: Number.POSITIVE_INFINITY });
  return passed !== null || jsonToBytes(input).byteLength > LIMITS.valueBytes;
}

const isTooDeep = (input: Json): boolean => passesBound(input, { length: LIMITS.valueBytes, depth: LIMITS.jsonDepth }) === "too_deep";
const INPUT_TOO_LARGE: Failure = {
  code: "input_too_large",
  message: "The input is larger than a value may be; hand on less of it",
  retryable: false,
};

const INPUT_TOO_DEEP: Failure = {
  code: "input_too_deep",
  message: `The input nests deeper than ${LIMITS.jsonDepth} levels; make it flatter`,
  retryable: false,
};

/** Why the workflow cannot have this input, or has no key for a task with it. */
function failureOf({ faults = [], detail }: Rejection, name: string): Failure {
  const [{ code, message, pointer } = { code: "invalid_request", message: detail, pointer: "" }] = faults;
  if (code !== "invalid_input") return { code: "expression_error", message, retryable: false };
  return { code, message: `The input does not match the schema of workflow "${name}": ${pointer}: ${message}`, retryable: false };
}
