import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Json } from "../../../src/shared/json.ts";
import { LIMITS } from "../../../src/tasks/limits.ts";
import { readYaml, writeYaml } from "../../../src/shared/yaml.ts";
import { runs } from "../runs.ts";

const BYTES = LIMITS.definitionBytes;
const valueOf = (text: string): Json => {
  const read = readYaml(text, BYTES);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.value;
};
const faultOf = (text: string, maxBytes: number = BYTES): string => {
  const read = readYaml(text, maxBytes);
  if (read.ok) throw new Error(`read as ${JSON.stringify(read.value).slice(0, 200)}`);
  return `${read.error.line}:${read.error.column} ${read.error.message}`;
};

describe("what YAML says", () => {
  test("is what the core schema of YAML 1.2 says", () => {
    const text = [
      "steps: # in order",
      "- id: a",
      '  input: "${ input.x }"',
      "  text: |",
      "    one",
      "    two",
      "answers: [on, yes, 1.5, 0x10, true, null, ~, 1e3, 2026-01-01, 010]",
      "empty:",
    ].join("\n");
    expect(valueOf(text)).toEqual({
      steps: [{ id: "a", input: "${ input.x }", text: "one\ntwo\n" }],
      answers: ["on", "yes", 1.5, 16, true, null, null, 1000, "2026-01-01", 10],
      empty: null,
    });
  });

  test("may repeat itself with aliases, and JSON is YAML", () => {
    expect(valueOf("a: &r {delay: 1s}\nb: *r\nc: [*r, *r]")).toEqual({
      a: { delay: "1s" },
      b: { delay: "1s" },
      c: [{ delay: "1s" }, { delay: "1s" }],
    });
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value);
        expect(valueOf(json)).toEqual(JSON.parse(json));
      }),
    );
  });

  test("reads back as what was written, whatever it was", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
        const json = JSON.parse(JSON.stringify(value)) as Json;
        expect(valueOf(writeYaml(json) ?? "")).toEqual(json);
      }),
    );
    const character = fc.constantFrom(
      " ",
      "\n",
      "\t",
      "\r",
      "a",
      "1",
      "é",
      "😀",
      "\u0085",
      "\u2028",
      "\ufeff",
      ..."~:#-'\"\\|>%{[,&*!?@`=<.".split(""),
    );
    const text = fc.string({ unit: character, maxLength: 14 });
    fc.assert(
      fc.property(fc.oneof(text, fc.array(text), fc.dictionary(text, fc.array(fc.dictionary(text, text)))), (json) => {
        expect(valueOf(writeYaml(json) ?? "")).toEqual(json);
      }),
      { numRuns: runs(300) },
    );
    const same = { x: 1 };
    expect(writeYaml([same, same])).not.toContain("*");
    expect(valueOf(writeYaml(JSON.parse('{"__proto__": {"a": 1}}') as Json) ?? "")).toEqual(JSON.parse('{"__proto__": {"a": 1}}'));
  });

  test("with more values than are worth it is not written", () => {
    const few = Array.from({ length: LIMITS.yamlValues - 1 }, () => "text");
    expect(valueOf(writeYaml(few) ?? "")).toEqual(few);
    const keyed = Object.fromEntries(few.map((text, index) => [`key ${index}`, `${text}: ${index}`]));
    expect(valueOf(writeYaml(keyed) ?? "")).toEqual(keyed);
    expect(writeYaml([...few, "one more"])).toBeNull();
  });
});

describe("what YAML must not say", () => {
  test.each([
    ["a: [1, 2", "1:9 Flow sequence in block collection must be sufficiently indented and end with a ]"],
    ["a: 1\n b: 2", "1:4 Nested mappings are not allowed in compact mappings"],
    ["a: 1\nb: 2\na: 3", '3:1 the key "a" occurs twice'],
    ["a: {b: 1, b: 2}", '1:11 the key "b" occurs twice'],
    ["a: 1\n---\nb: 2", "2:1 expected one document, got several"],
    ["%YAML 1.1\n---\na: yes", "1:1 expected YAML 1.2"],
    ["1: one", "1:1 a key is text; write it in quotes"],
    ["? [a]\n: 1", "1:3 a key is text; write it in quotes"],
    [": 1", "1:1 a key is text; write it in quotes"],
    ["a: .inf", "1:4 a number is finite"],
    ["a: [-.inf]", "1:5 a number is finite"],
    ["a: .nan", "1:4 a number is finite"],
    ["a: 1e999", "1:4 1e999 is no number that a double holds (it is larger than any); send it as a text"],
    ["a: !custom x", "1:12 the tag !custom is not available"],
    ["a: !!binary aGk=", "1:13 the tag tag:yaml.org,2002:binary is not available"],
    ["a: !!set {x}", "1:10 the tag tag:yaml.org,2002:set is not available"],
    ["a: *b\nb: &b 1", "1:4 the alias *b has no anchor before it"],
    ["a: &a [*a]", "1:8 the alias *a has no anchor before it"],
    ["a: &k x\n*k : 1", "2:1 a key is text; write it in quotes"],
  ])("%j", (text, fault) => {
    expect(faultOf(text)).toBe(fault);
  });

  test("a laugh a billion times as long", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level <= 10; level++) {
      lines.push(`a${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(", ")}]`);
    }
    expect(faultOf(lines.join("\n"))).toContain(`it stands for more than ${BYTES} bytes of JSON`);
    expect(faultOf(`a: &a x\nb: [${"*a, ".repeat(LIMITS.yamlAliases + 1)}]`)).toContain("at most 100 aliases");
  });

  test("more depth than the stack has, in any way of nesting", () => {
    for (const open of ["[", "{a: ", "- ", "? ", ": ", "[? ", "- ? "])
      expect(faultOf(open.repeat(500_000)), open).toContain("nests deeper than");
    const line = (depth: number): string => `${" ".repeat(depth)}a:`;
    expect(faultOf(Array.from({ length: 200 }, (_, depth) => line(depth)).join("\n"))).toContain("nests deeper than");
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    expect(valueOf(nested(LIMITS.jsonDepth))).toHaveLength(1);
    expect(faultOf(nested(LIMITS.jsonDepth + 1))).toContain("nests deeper than");
    expect(faultOf(`a: &a ${nested(40)}\nb: ${"[".repeat(30)}*a${"]".repeat(30)}`)).toContain("nests deeper than");
  });

  test("more than memory has, however short its parts", () => {
    for (const part of ["a,", "[],", ",", "\n"]) expect(faultOf(`[${part.repeat(900_000)}`), part).toContain("tokens");
    for (const part of ["- a\n", "? a\n", "# a\n", "%A\n"]) expect(faultOf(part.repeat(500_000)), part).toContain("tokens");
    expect(faultOf(`a: "${"x".repeat(2_000)}"`, 1_000)).toContain("more than 1000 bytes");
  });
});

describe("a text that others take for something else", () => {
  const texts =
    "y n yes no on off Yes NO On true Null ~ null 12:30 1:2:3 12:30:45.5 1_000 0o17 017 0x1F 0b11 1e3 .5 5. +1 -1_0 .inf -.INF .nan 2026-01-31 2026-1-1T1:02:03Z << = 1,000".split(
      " ",
    );

  test("what some readers take for a line break is escaped, in keys too", () => {
    const text = "a\u0085b\u2028c\u2029d\ufeff";
    const written = writeYaml({ [text]: text }) ?? "";
    expect(written).toMatch(/^[\n -~]*$/);
    expect(readYaml(written, 1_000)).toEqual({ ok: true, value: { [text]: text } });
  });

  test.each([...texts, "2026-01-31 10:00:00", ""])("%s is written so that every reader has it as it is", (text) => {
    const written = writeYaml({ value: text, [text]: [text] }) as string;
    expect(written).toContain(`value: "${text}"`);
    for (const options of [{ version: "1.1" }, { version: "1.2", schema: "core" }] as const) {
      expect(parse(written, { ...options, merge: true })).toEqual({ value: text, [text]: [text] });
    }
  });

  test("others are not in quotes", () => {
    expect(writeYaml({ timeout: "10m", use: "study@3", id: "no-op", rest: "3rd" })).toBe(
      "timeout: 10m\nuse: study@3\nid: no-op\nrest: 3rd\n",
    );
  });
});
