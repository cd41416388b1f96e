/** The example definitions, and what the documents say of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { definitionOf, WORKFLOWS } from "../../../examples/workflows/definitions.ts";
import { redrawn } from "../../../examples/workflows/drawings.ts";
import { SCENARIOS } from "../../../examples/workflows/scenarios.ts";
import { readYaml } from "../../../src/shared/yaml.ts";
import { parseReference } from "../../../src/language/workflow-reference.ts";
import { LIMITS } from "../../../src/workflows/limits.ts";
import { referencesIn } from "../../../src/workflows/library.ts";
import { checkWorkflow } from "../../../src/workflows/check.ts";

const readme = readFileSync(join(import.meta.dirname, "..", "..", "..", "examples", "README.md"), "utf8");

describe("the README of the examples", () => {
  test("has every drawing as the code draws it; npm run draw brings them up to date", () => {
    expect(redrawn(readme)).toBe(readme);
  });

  test("redraws what is stale", () => {
    expect(redrawn("[x](workflows/pipeline-report.yaml)\n\n```mermaid\nflowchart TD\n```\n")).toBe(
      '[x](workflows/pipeline-report.yaml)\n\n```mermaid\nflowchart TD\n  n0["report<br/>sales.report"]\n```\n',
    );
  });

  test.each(WORKFLOWS)("draws %s", (workflow) => {
    expect(readme).toMatch(new RegExp(`\\]\\(workflows/${workflow}\\.yaml\\)(?:(?!\\.yaml)[^])*?\`\`\`mermaid`));
  });
});

const nameIn = (reference: string): string => parseReference(reference)?.name ?? reference;

describe.each(WORKFLOWS)("%s", (workflow) => {
  const read = readYaml(definitionOf(workflow), LIMITS.definitionBytes);
  const definition = read.ok ? read.value : null;

  test("is a definition without faults and warnings, named like its file", () => {
    const checked = checkWorkflow(JSON.stringify(definition));
    expect(checked).toMatchObject({ ok: true, value: { definition: { name: workflow }, graph: { warnings: [] } } });
  });

  test("refers to what is there, and is played or referred to", () => {
    const references = referencesIn(definition).map(({ reference }) => reference);
    expect(references.filter((reference) => !WORKFLOWS.includes(nameIn(reference)))).toEqual([]);
    const others = WORKFLOWS.flatMap((other) => {
      const read = readYaml(definitionOf(other), LIMITS.definitionBytes);
      return read.ok ? referencesIn(read.value).map(({ reference }) => reference) : [];
    });
    expect([...SCENARIOS.map((scenario) => scenario.workflow), ...others.map(nameIn)]).toContain(workflow);
  });
});
