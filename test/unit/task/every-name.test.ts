/** A name that every JavaScript object has by birth is a name like others, whoever gives it. */
import { describe, expect, test } from "vitest";
import { agentRegistration } from "../../../src/agents/registry/registration.ts";
import { compileWorkflow } from "../../../src/language/compile.ts";
import { isJsonObject, type Json } from "../../../src/shared/json.ts";
import { violationsOf } from "../../../src/shared/json-schema.ts";
import { forkBody } from "../../../src/tasks/routes/fork-schemas.ts";
import { submission } from "../../../src/tasks/routes/task-schemas.ts";

const NAMES = ["__proto__", "constructor", "toString", "prototype"];
const named = (value: Json): string => `{${NAMES.map((name) => `"${name}": ${JSON.stringify(value)}`).join(", ")}}`;
const read = (text: string): unknown => JSON.parse(text);
const namesOf = (value: unknown): readonly string[] => Object.keys(value as object).toSorted();

describe("such names", () => {
  test("are labels of an agent", () => {
    const { labels } = agentRegistration.parse(read(`{"url": "http://a.test", "capabilities": ["c"], "labels": ${named("x")}}`));
    expect(namesOf(labels)).toEqual(NAMES.toSorted());
    expect(Object.values(labels ?? {})).toEqual(["x", "x", "x", "x"]);
    expect(isJsonObject(labels)).toBe(true);
  });

  test("are labels of which the values are looked at too", () => {
    const read1 = agentRegistration.safeParse(read('{"url": "http://a.test", "capabilities": ["c"], "labels": {"__proto__": {"a": 1}}}'));
    expect(read1.error?.issues.map(({ path }) => path)).toEqual([["labels", "__proto__"]]);
  });

  test("are labels that a step asks for", () => {
    const compiled = compileWorkflow(`{"steps": [{"id": "a", "capability": "c", "select": {"labels": ${named("x")}}}]}`);
    const [step] = compiled.ok ? compiled.value.graph.steps : [];
    expect(step?.kind === "agent" && namesOf(step.selection.labels)).toEqual(NAMES.toSorted());
  });

  test("are input in the short form of a submission, and refused beside an input", () => {
    expect(namesOf(submission.parse(read(`{"type": "simple", "rest": ${named(1)}, ${named(1).slice(1)}`)))).toEqual(
      [...NAMES, "rest", "type"].toSorted(),
    );
    const beside = submission.safeParse(read('{"type": "simple", "input": 1, "__proto__": 2, "constructor": 3}'));
    expect(beside.error?.issues.map(({ path, message }) => [path, message])).toEqual([
      [["constructor"], "unknown field"],
      [["__proto__"], "unknown field"],
    ]);
  });

  test("are steps whose outputs a fork changes", () => {
    const { outputs } = forkBody.parse(read(`{"outputs": ${named({ a: 1 })}}`));
    expect(namesOf(outputs)).toEqual(NAMES.toSorted());
  });

  test.each(NAMES)("%s is no format of a schema", (name) => {
    expect(violationsOf({ type: "string", format: name }, "text")).toEqual([]);
  });

  test.each(NAMES)("%s is no field of a definition", (name) => {
    const compiled = compileWorkflow(`{"steps": [{"id": "a", "capability": "c", "${name}": 1}], "${name}": {"a": 1}}`);
    expect(compiled.ok).toBe(false);
  });
});
