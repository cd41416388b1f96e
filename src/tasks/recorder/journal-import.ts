/**
 * A journal that comes as a file from elsewhere: believed only as far as it can be folded, event by event, so that every
 * reader can read it and the first wrong line can be named.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { CheckedFold } from "../../engine/replay/checked-fold.ts";
import { compileWorkflow, type Workflow } from "../../language/compile.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import { faultOfEvent } from "../../engine/replay/event-schema.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import type { Graph } from "../../language/graph.ts";
import type { Rules } from "../../language/rules.ts";
import { graphOfPart } from "../../language/part-graph.ts";
import { VALUES } from "../../engine/replay/replay-facts.ts";
import { carriedBy } from "../../engine/facts/carried-value.ts";
import { keepEveryName } from "../../shared/every-name.ts";
import type { Json } from "../../shared/json.ts";
import { checkedText } from "../../shared/json-text.ts";
import { schemaProblem } from "../../shared/json-schema.ts";
import { messageOf } from "../../shared/log.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { journalSource, type JournalRow, type JournalSource } from "../journal/journal-source.ts";
import { JOURNAL_FORMAT } from "./journal-file.ts";

/** `seq`: of the event, where it is one. */
export interface WrongLine {
  readonly line: number;
  readonly seq: number | null;
  readonly message: string;
}

export interface ReadJournal {
  readonly created: TaskCreated;
  readonly rows: readonly JournalRow[];
  readonly events: number;
  readonly hasEnded: boolean;
  /** The same for the same events. */
  readonly hash: string;
}

const header = z.looseObject({ format: z.literal(JOURNAL_FORMAT), v: z.literal(1), events: z.int().min(1) });
const line = z.strictObject({ seq: z.int(), at: z.int().min(0).max(8_640_000_000_000_000), event: z.unknown() });

export function readJournal(text: string): Result<ReadJournal, WrongLine> {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const head = header.safeParse(parsed(lines[0] ?? ""));
  if (!head.success) return wrong(1, null, `expected a header of format "${JOURNAL_FORMAT}", version 1`);
  const reader = new JournalReader();
  for (let index = 1; index < lines.length; index++) {
    const message = reader.add(lines[index] as string);
    if (message !== null) return wrong(index + 1, index, message);
  }
  if (lines.length - 1 !== head.data.events)
    return wrong(lines.length, null, `the header says that ${head.data.events} events follow, and there are ${lines.length - 1}`);
  return ok(reader.journal);
}

/** A journal in memory, to be read as that of an object. */
export function sourceOf({ rows }: Pick<ReadJournal, "rows">): JournalSource {
  return journalSource(rows, new Map());
}

const wrong = (line: number, seq: number | null, message: string) => err({ line, seq, message });

class JournalReader {
  readonly #events: TaskEvent[] = [];
  readonly #rows: { seq: number; at: number; events: TaskEvent[] }[] = [];
  readonly #hash = createHash("sha256");
  #fold: CheckedFold | null = null;

  get journal(): ReadJournal {
    return {
      created: this.#events[0] as TaskCreated,
      rows: this.#rows,
      events: this.#events.length,
      hasEnded: this.#fold !== null && this.#fold.state.end !== null,
      hash: this.#hash.copy().digest("hex"),
    };
  }

  /** What is wrong with the next line, or `null`. */
  add(text: string): string | null {
    const entry = line.safeParse(parsed(text));
    if (!entry.success) return 'expected {"seq", "at", "event"}';
    const { seq, at, event } = entry.data;
    if (seq !== this.#events.length + 1) return `expected event ${this.#events.length + 1}, got ${seq}`;
    const message = faultOfEvent(event) ?? this.#fault(event as TaskEvent, at);
    if (message !== null) return message;
    this.#hash.update(text).update("\n");
    this.#events.push(event as TaskEvent);
    const row = this.#rows.at(-1);
    if (row === undefined || row.at !== at) this.#rows.push({ seq, at, events: [event as TaskEvent] });
    else {
      row.seq = seq;
      row.events.push(event as TaskEvent);
    }
    return null;
  }

  #fault(event: TaskEvent, at: number): string | null {
    const dangling = this.#danglingValue(event);
    if (dangling !== null) return dangling;
    if (this.#fold === null) {
      if (event.type !== "task.created") return "a journal begins with task.created";
      const graph = graphIn(event);
      if (!graph.ok) return graph.error;
      this.#fold = new CheckedFold(graph.value, event, at);
      return null;
    }
    try {
      const fault = this.#fold.add([event], at);
      if (fault !== null) return fault.message;
    } catch (error) {
      return messageOf(error);
    }
    // A block may be large, and be opened again by every event.
    return this.#fold.state.steps.length > LIMITS.stepsOfTask ? `a task has at most ${LIMITS.stepsOfTask} steps` : null;
  }

  /** A value that an earlier event is said to have. */
  #danglingValue(event: TaskEvent): string | null {
    for (const [name, member] of Object.entries(event) as [string, unknown][]) {
      if (!VALUES.includes(name) || typeof member !== "object" || member === null || !("seq" in member)) continue;
      const carrier = this.#events[(member.seq as number) - 1];
      if (carrier === undefined || carriedBy(carrier) === undefined) return `"${name}" refers to the value of an event that has none`;
    }
    return null;
  }
}

function parsed(text: string): unknown {
  // A value nests as deep as it may, inside its event.
  const checked = checkedText(text, { depth: LIMITS.jsonDepth + 4, parts: LIMITS.jsonParts });
  if (!checked.ok) return undefined;
  try {
    return JSON.parse(checked.value);
  } catch {
    return undefined;
  }
}

/** The graph that the events are folded over, if all that the task could start is a workflow. */
function graphIn({ definition, library, spread, tags, task, task_type = "", rules = 0 }: TaskCreated): Result<Graph, string> {
  if (tags.length > LIMITS.tags || tags.some((tag) => tag.length > LIMITS.tagLength))
    return err(`a task has at most ${LIMITS.tags} tags of ${LIMITS.tagLength} characters`);
  if (task.length > LIMITS.idLength || task_type.length > LIMITS.idLength) return err(`ids have at most ${LIMITS.idLength} characters`);
  if (!("value" in definition)) return err("the definition is missing");
  const compiled = compileWorkflow(JSON.stringify(definition.value), rules);
  if (!compiled.ok) {
    const [fault] = compiled.error;
    return err(`the definition is not valid: ${fault === undefined ? "" : `${fault.pointer}: ${fault.message}`}`);
  }
  if (hasBrokenSchema(compiled.value)) return err("a schema of the definition cannot be applied");
  const broken = library === undefined || !("value" in library) ? null : brokenEntry(library.value, rules);
  if (broken !== null) return err(broken);
  const graph = spread === undefined ? compiled.value.graph : graphOfPart(compiled.value.graph, spread.path);
  return graph === null ? err("it is a part of a map that the definition does not have") : ok(graph);
}

const libraryShape = keepEveryName(z.record(z.string(), z.looseObject({ name: z.string(), version: z.int(), definition: z.string() })));

function brokenEntry(value: Json, rules: Rules): string | null {
  const shape = libraryShape.safeParse(value);
  if (!shape.success) return "the library is none";
  for (const [reference, { definition }] of Object.entries(shape.data)) {
    const compiled = parsed(definition) === undefined ? null : compileWorkflow(definition, rules);
    if (compiled === null || !compiled.ok || hasBrokenSchema(compiled.value)) return `"${reference}" in the library is no valid definition`;
  }
  return null;
}

/** It would be asked when the task is forked, or starts another. */
function hasBrokenSchema({ definition }: Workflow): boolean {
  return definition.input_schema !== undefined && schemaProblem(definition.input_schema) !== null;
}
