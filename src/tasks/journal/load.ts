/** A task as its journal makes it, be the journal an object's or an archived one. */
import { assert } from "../../shared/result.ts";
import { compileWorkflow } from "../../language/compile.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import type { Graph } from "../../language/graph.ts";
import { graphOfPart } from "../../language/part-graph.ts";
import type { TaskState } from "../../engine/state/state.ts";
import { fold } from "../../engine/transition.ts";
import type { JournalSource } from "./journal-source.ts";

export interface Loaded {
  readonly state: TaskState;
}

/** Rebuilds a task from its journal, as it stood after event `last`; `null` when there is none. */
export function loadTask(source: JournalSource, last = Number.POSITIVE_INFINITY): Loaded | null {
  let loaded: ReturnType<typeof fold> | null = null;
  for (const row of source.rowsAfter(0)) {
    const first = row.seq - row.events.length + 1;
    if (first > last) break;
    const events = row.seq > last ? row.events.slice(0, last - first + 1) : row.events;
    if (loaded === null) {
      const [created, ...rest] = events;
      assert(created?.type === "task.created", "a journal begins with task.created");
      loaded = fold(graphOf(created, source), created, row.at);
      loaded.add(rest, row.at);
    } else {
      loaded.add(events, row.at);
    }
  }
  return loaded && { state: loaded.state };
}

/** The first fact, with its values: a state keeps none of them. */
export function createdIn(source: JournalSource): TaskCreated {
  const created = source.rowWith(1)?.events[0];
  assert(created?.type === "task.created", "a journal begins with task.created");
  return created;
}

/** A definition in a journal was checked when the task was created; if it no longer compiles, that is a defect of ours. */
export function graphOf({ definition, spread, rules = 0 }: TaskCreated, source: JournalSource): Graph {
  const value = "value" in definition ? definition.value : source.value(definition);
  assert(value !== undefined, "a definition is always kept");
  const compiled = compileWorkflow(JSON.stringify(value), rules);
  assert(compiled.ok, "a recorded definition no longer compiles");
  return graphFor(compiled.value.graph, spread?.path ?? null);
}

/** Of the whole workflow, or of one of its maps. */
export function graphFor(graph: Graph, part: readonly string[] | null): Graph {
  const found = part === null ? graph : graphOfPart(graph, part);
  assert(found !== null, "a part of a workflow that is not there");
  return found;
}
