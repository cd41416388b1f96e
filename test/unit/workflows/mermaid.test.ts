import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/shared/json.ts";
import { LIMITS } from "../../../src/workflows/limits.ts";
import { mermaidOf } from "../../../src/workflows/mermaid.ts";

const draw = (definition: JsonObject): string => {
  const drawn = mermaidOf(definition);
  if (!drawn.ok) throw new Error(drawn.error.detail);
  return drawn.value;
};
const linesOf = (...steps: readonly JsonObject[]): readonly string[] =>
  draw({ steps })
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.slice(2));

const LABEL = '"(?:[\\p{L}\\p{N} _.,()=+*!?/…-]|#\\d+;|<br/>)+"';
const SHAPES = [
  ["[", "]"],
  ["[[", "]]"],
  ["(", ")"],
  ["([", "])"],
  ["[/", "\\]"],
  ["[/", "/]"],
  ["(((", ")))"],
  ["{", "}"],
]
  .map((shape) => shape.map((bracket) => bracket.replaceAll(/[[\](){}\\/]/g, "\\$&")).join(LABEL))
  .join("|");
const LINE = new RegExp(
  `^(?:flowchart TD|(?:  )+(?:n\\d+(?:${SHAPES})|subgraph n\\d+\\[${LABEL}\\]|end)|  n\\d+ (?:-->(?:\\|${LABEL}\\|)?|-\\.->) n\\d+)$`,
  "u",
);

/** What Mermaid's grammar asks of such a text: only lines of known forms, blocks closed, arrows between what is there. */
function expectSound(diagram: string): void {
  expect(diagram.endsWith("\n")).toBe(true);
  const lines = diagram.trimEnd().split("\n");
  const open: string[] = [];
  const nodes = new Set<string>();
  for (const line of lines) {
    expect(line).toMatch(LINE);
    expect(line).not.toMatch(/direction /i);
    const [, subgraph] = /^ +subgraph (n\d+)/.exec(line) ?? [];
    const [, box] = /^ +(n\d+)[[({]/.exec(line) ?? [];
    const [, from, to] = /^ {2}(n\d+) -.* (n\d+)$/.exec(line) ?? [];
    if (subgraph !== undefined) open.push(subgraph);
    if (line.trim() === "end") expect(open.pop()).toBeDefined();
    for (const node of [subgraph, box]) if (node !== undefined) expect(nodes.size).toBeLessThan(nodes.add(node).size);
    if (from !== undefined) expect([from, to].filter((end) => !nodes.has(end as string))).toEqual([]);
  }
  expect(open).toEqual([]);
}

describe("a diagram", () => {
  test("has a shape for every kind of step", () => {
    expect(
      linesOf(
        { id: "web", capability: "research" },
        { id: "helper", agent: "helper" },
        { id: "sub", type: "workflow", workflow: "study@stable" },
        { id: "pause", type: "wait", for: "10m" },
        { id: "go", type: "signal", name: "start" },
        { id: "ok", type: "approval", title: "Publish it?" },
        { id: "sum", type: "transform", output: 1 },
        { id: "stop", type: "end", status: "failed" },
      ),
    ).toEqual([
      'n0["web<br/>research"]',
      'n1["helper"]',
      'n2[["sub<br/>study#64;stable"]]',
      'n3("pause<br/>for 10m")',
      'n4("go<br/>start")',
      'n5[/"ok<br/>Publish it?"\\]',
      'n6[/"sum"/]',
      'n7((("stop<br/>failed")))',
    ]);
  });

  test("has arrows from needs and from what expressions read, each once, with the condition", () => {
    expect(
      linesOf(
        { id: "a.b", capability: "x" },
        { id: "c", capability: "x", needs: ["a.b"], input: { text: "it's ${ steps['a.b'].output } and ${ {'}': steps.d.output} }" } },
        { id: "d", capability: "x", when: 'size(steps["a.b"].?output.items) > 3 && "steps.c" != input.q' },
        { id: "e", capability: "x", when: "input.deep", input: "$${ steps.c.output } steps.d" },
      ),
    ).toEqual([
      'n0["a.b<br/>x"]',
      'n1["c<br/>x"]',
      'n2["d<br/>x"]',
      'n3["e<br/>x<br/>when input.deep"]',
      "n0 --> n1",
      "n2 --> n1",
      'n0 -->|"size(steps#91;#34;a.b#34;#93;.?output.items) #62; 3 #38;#38; #34;steps.c#34; != input.q"| n2',
    ]);
  });

  test("has blocks in blocks; what inner steps read outside is an arrow to the block", () => {
    const lines = linesOf(
      { id: "seed", type: "transform", output: 1 },
      {
        id: "docs",
        type: "map",
        over: "steps.list.output",
        as: "doc",
        concurrency: 5,
        output: "${ steps.read.output }",
        steps: [
          { id: "read", capability: "read", input: "${ doc }" },
          {
            id: "again",
            type: "repeat",
            until: "steps.try.output.ok && steps.read.output.n > 1",
            max: 10,
            steps: [{ id: "try", capability: "try", input: "${ steps.seed.output }" }],
          },
        ],
      },
      { id: "list", capability: "list" },
    );
    expect(lines).toEqual([
      'n0[/"seed"/]',
      'subgraph n1["docs<br/>each doc, 5 at once"]',
      '  n3["read"]',
      '  subgraph n4["again<br/>until steps.try.output.ok #38;#38; steps.read.outpu…, at most 10"]',
      '    n5["try"]',
      "  end",
      "end",
      'n2["list"]',
      "n2 --> n1",
      "n0 --> n1",
      "n3 --> n4",
    ]);
  });

  test("has a choice with its cases, and the nearest of equal names", () => {
    const lines = linesOf(
      { id: "a", capability: "x" },
      {
        id: "route",
        type: "switch",
        needs: ["a"],
        cases: [
          {
            when: "steps.a.output == 1",
            steps: [
              { id: "a", capability: "y" },
              { id: "b", capability: "y", needs: ["a"] },
            ],
          },
          { when: "false", steps: [], output: 1 },
        ],
        default: { steps: [{ id: "stop", type: "end" }] },
      },
      { id: "after", capability: "x", needs: ["route"] },
    );
    expect(lines).toEqual([
      'n0["a<br/>x"]',
      'subgraph n1["route"]',
      '  n3{"route"}',
      '  subgraph n4["case 1"]',
      '    n5["a<br/>y"]',
      '    n6["b<br/>y"]',
      "  end",
      '  n7["case 2"]',
      '  subgraph n8["default"]',
      '    n9((("stop<br/>completed")))',
      "  end",
      "end",
      'n2["after<br/>x"]',
      "n0 --> n1",
      "n5 --> n6",
      'n3 -->|"steps.a.output == 1"| n4',
      'n3 -->|"false"| n7',
      'n3 -->|"otherwise"| n8',
      "n1 --> n2",
    ]);
  });

  test("has what undoes a step as a dotted arrow", () => {
    const compensate = { capability: "refund", input: "${ steps.other.output }" };
    expect(linesOf({ id: "pay", capability: "pay", compensate }, { id: "other", capability: "x" })).toEqual([
      'n0["pay"]',
      'n2("refund")',
      'n1["other<br/>x"]',
      "n0 -.-> n2",
    ]);
  });

  test("says who is asked together, and how long people are asked", () => {
    expect(
      linesOf(
        { id: "vote", capability: "classify", ensemble: { agents: 3, mode: "quorum", quorum: 2 } },
        { id: "review", type: "approval", title: "Publish?", due: "2d", escalate_to: ["role:operator"] },
      ),
    ).toEqual(['n0["vote<br/>classify<br/>3 agents, quorum"]', 'n1[/"review<br/>Publish?<br/>within 2d, then role#58;operator"\\]']);
  });

  test("has the workflows that its end starts", () => {
    const chained = { steps: [], on_completed: [{ workflow: "report" }, { workflow: "bill@stable" }], on_failed: { workflow: "repair" } };
    expect(draw(chained).split("\n").slice(1, -1)).toEqual([
      '  n0(["completed"])',
      '  n1[["report"]]',
      '  n2[["bill#64;stable"]]',
      '  n3(["failed"])',
      '  n4[["repair"]]',
      "  n0 -.-> n1",
      "  n0 -.-> n2",
      "  n3 -.-> n4",
    ]);
  });

  test("is refused when nobody could read it", () => {
    const steps = Array.from({ length: 200 }, (_, index) => ({
      id: `s${index}`,
      capability: "x",
      needs: Array.from({ length: index }, (__, need) => `s${need}`),
    }));
    expect(mermaidOf({ steps })).toMatchObject({ ok: false, error: { code: "limit_reached" } });
    expect(draw({ steps: steps.slice(0, 50) })).toContain("n0 --> n49");
  });
});

describe("what authors write", () => {
  test("never leaves its label", () => {
    const nasty = [
      '"',
      '"]; click n0 "javascript:alert(1)"',
      "<script>",
      "`md`",
      "#quot;",
      "%%{init: {}}%%",
      "\n---\n",
      "direction LR",
      "style a:b #c;",
      "\\",
      "\ud800",
      "",
      " ",
    ];
    for (const text of nasty) {
      const step = {
        id: `${text}!`,
        type: "switch",
        when: text,
        needs: [text],
        cases: [{ when: text, steps: [{ id: text, type: "approval", title: text }] }],
      };
      expectSound(
        draw({
          steps: [
            { id: text, capability: text, compensate: { capability: text } },
            step,
            { id: "m", type: "map", as: text, steps: [{ id: text }] },
          ],
        }),
      );
    }
    expect(draw({ steps: [{ id: "x".repeat(128), capability: "y" }] })).toContain(`"${"x".repeat(LIMITS.diagramLabelLength - 1)}…<br/>y"`);
  });

  test("is always drawn soundly, and the same again", () => {
    const text = fc.string({ unit: "binary", maxLength: 12 });
    const id = fc.constantFrom("a", "b.c", "d-e", "constructor", "__proto__");
    const blockOf = (depth: number): fc.Arbitrary<readonly JsonObject[]> => {
      if (depth === 0) return fc.constant([]);
      const steps = blockOf(depth - 1);
      const step = fc.record({
        id,
        type: fc.constantFrom("agent", "map", "switch", "repeat", "workflow", "wait", "signal", "approval", "transform", "end", "toString"),
        needs: fc.array(id, { maxLength: 3 }),
        when: fc.oneof(
          text,
          id.map((name) => `steps["${name}"].status == 'completed'`),
        ),
        capability: text,
        title: text,
        input: id.map((name) => `\${ steps["${name}"].output }`),
        output: id.map((name) => `\${ steps["${name}"].output }`),
        steps,
        cases: fc.array(fc.record({ when: text, steps }), { maxLength: 2 }),
        default: fc.record({ steps }),
      });
      return fc.array(step, { maxLength: 3 });
    };
    fc.assert(
      fc.property(blockOf(3), (steps) => {
        const diagram = draw({ steps });
        expectSound(diagram);
        expect(draw(JSON.parse(JSON.stringify({ steps })) as JsonObject)).toBe(diagram);
      }),
    );
  });

  test("may be anything at all", () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.constantFrom("id", "type", "needs", "when", "steps", "cases", "default", "compensate"), fc.jsonValue())),
        (steps) => {
          expectSound(draw(JSON.parse(JSON.stringify({ steps })) as JsonObject));
        },
      ),
    );
  });
});
