import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readConfig } from "../../../src/shared/config.ts";
import { isTaskId, newTaskId, taskIdFromKey } from "../../../src/shared/ids.ts";
import { canonicalJson, pointer, type Json } from "../../../src/shared/json.ts";
import { schemaProblem, violationsOf, type JsonSchema } from "../../../src/shared/json-schema.ts";
import { createKeyring } from "../../../src/shared/keyring.ts";
import { readText, TooLarge } from "../../../src/shared/read-text.ts";
import { nearest } from "../../../src/shared/text.ts";
import { parseDuration } from "../../../src/shared/time.ts";

describe("JSON", () => {
  test("the canonical text depends on the value alone", () => {
    expect(canonicalJson({ b: [1, { d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[1,{"c":2,"d":1}]}');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("pointers escape", () => expect(pointer("a/b", "c~d", 3)).toBe("/a~1b/c~0d/3"));
});

describe("JSON Schema", () => {
  const messages = (schema: JsonSchema, value: Json) => violationsOf(schema, value).map(({ message }) => message);

  test("patterns that defeat backtracking engines take linear time, on texts and on names", () => {
    const [pattern, text] = ["^(a+)+$", `${"a".repeat(1_000_000)}!`];
    expect(messages({ type: "string", pattern }, text)).toEqual(["String does not match pattern."]);
    expect(messages({ patternProperties: { [pattern]: { type: "number" } } }, { aaa: "x", [text]: "y" })).toHaveLength(1);
    expect(messages({ patternProperties: { [pattern]: {} }, additionalProperties: false }, { aaa: 1 })).toEqual([]);
    expect(messages({ format: "url" }, `http://${"a".repeat(100)}!`)).toEqual([]);
    expect(RegExp("a")).toBeInstanceOf(RegExp);
  });

  test("patterns mean what they mean in JavaScript, as far as they can be matched so", () => {
    const texts = ["", "a", "ab", "é", "😀", "A_1", "x-y", "2024-01-31", "a\nb", "\\", "{}"];
    for (const pattern of [
      "^.$",
      "\\p{L}",
      "^\\w+$",
      "[\\w-]+",
      "\\u{1F600}",
      "^\\d{4}-\\d\\d-\\d\\d$",
      "^(?<x>a)?b?$",
      "^[^\\s]*$",
      "\\{\\}",
      "a|",
    ]) {
      const matched = texts.filter((text) => messages({ pattern }, text).length === 0);
      expect(matched, pattern).toEqual(texts.filter((text) => new RegExp(pattern, "u").test(text)));
    }
  });

  test("a pattern that cannot be matched so is a fault of the schema, and the reason is said", () => {
    for (const pattern of ["(?=a)b", "(?<!a)b", "(a)\\1"]) {
      expect(schemaProblem({ pattern })).toContain("linear time");
      expect(schemaProblem({ patternProperties: { [pattern]: true } })).toContain(JSON.stringify(pattern));
    }
    expect(schemaProblem({ properties: { pattern: { type: "string" } } })).toBeNull();
  });

  test("a long pattern on a long text is given up in time", () => {
    expect(messages({ pattern: "(a|b)*a(a|b){900}$" }, "ab".repeat(500_000))).toEqual([expect.stringContaining("too many steps")]);
  });
});

test("durations", () => {
  expect(["500ms", "10s", "5m", "2h", "7d", "1.5s"].map(parseDuration)).toEqual([500, 10_000, 300_000, 7_200_000, 604_800_000, 1_500]);
  expect(["", "10", "s", "-1s", "1 s", "1w", "1e3s"].map(parseDuration)).toEqual(Array(7).fill(null));
});

describe("ids", () => {
  test("sort by time, and only the tenant they were made for can have them", () => {
    const [early, late] = [newTaskId("acme", 1_000), newTaskId("acme", 2_000_000_000_000)];
    expect(early < late).toBe(true);
    expect(isTaskId("acme", early)).toBe(true);
    expect(isTaskId("other", early)).toBe(false);
  });

  test("made up or altered ones are recognised", () => {
    const id = newTaskId("acme", Date.now());
    const altered = id.slice(0, 10) + (id[10] === "a" ? "b" : "a") + id.slice(11);
    expect([altered, "task_x", "", `${id}0`, id.toUpperCase(), "task_../../etc"].some((text) => isTaskId("acme", text))).toBe(false);
  });

  test("an idempotency key always leads to the same id, within its tenant", () => {
    expect(taskIdFromKey("acme", "k1")).toBe(taskIdFromKey("acme", "k1"));
    expect(new Set([taskIdFromKey("acme", "k1"), taskIdFromKey("acme", "k2"), taskIdFromKey("other", "k1")]).size).toBe(3);
    expect(isTaskId("acme", taskIdFromKey("acme", "k1"))).toBe(true);
  });
});

describe("the key ring", () => {
  const key = (name: string, byte: number) => ({ name, secret: new Uint8Array(32).fill(byte) });
  const ring = createKeyring([key("k1", 1)]);

  test("what is sealed opens again, only in its place, and is different every time", () => {
    const sealed = ring.seal("secret", "here");
    expect(ring.open(sealed, "here")).toBe("secret");
    expect(ring.open(sealed, "there")).toBeNull();
    expect(sealed).not.toContain("secret");
    expect(ring.seal("secret", "here")).not.toBe(sealed);
  });

  test("what was altered does not open", () => {
    const sealed = ring.seal("secret", "here");
    for (let at = 3; at < sealed.length; at++) {
      const altered = sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);
      const opened = ring.open(altered, "here");
      // The last character of a base64 group may carry bits that are not used.
      if (Buffer.from(altered.split(".").join("")).equals(Buffer.from(sealed.split(".").join("")))) continue;
      expect(opened === null || opened === "secret").toBe(true);
    }
    for (const garbage of ["", "k1", "k1...", "k1.a.b.c", "nope.a.b.c"]) expect(ring.open(garbage, "here")).toBeNull();
  });

  test("a new key is used for new values, old ones stay readable, unless their key is gone", () => {
    const both = createKeyring([key("k1", 1), key("k2", 2)]);
    expect(both.open(ring.seal("old", "here"), "here")).toBe("old");
    expect(both.seal("new", "here").startsWith("k2.")).toBe(true);
    expect(ring.open(both.seal("new", "here"), "here")).toBeNull();
  });

  test("tokens are ours or nothing", () => {
    const token = ring.sign("acme~task_1~a.b~1");
    expect(ring.verify(token)).toBe("acme~task_1~a.b~1");
    expect(createKeyring([key("k1", 9)]).verify(token)).toBeNull();
    for (const forged of [token.replace("~1~", "~2~"), token.slice(0, -1), `${token}x`, "", "~", "k1~x~", "k2~acme~x"])
      expect(ring.verify(forged)).toBeNull();
  });
});

describe("configuration", () => {
  const valid = { ROOT_API_KEY: "x".repeat(32) };
  const faultOf = (env: object): string => {
    const config = readConfig(env);
    return config.ok ? "" : config.error;
  };

  test("a root key is all it needs", () => {
    expect(readConfig(valid)).toMatchObject({ ok: true, value: { inlineCalls: 6, allowLoopbackAgents: false, publicUrl: null } });
  });

  test("everything that is wrong is said in one message", () => {
    const message = faultOf({
      ROOT_API_KEY: "short",
      ALLOW_LOOPBACK_AGENTS: "yes",
      INLINE_CALLS: "many",
      TASK_RETENTION: "soon",
      ENCRYPTION_KEYS: "k1:abc",
      PUBLIC_URL: "ftp://x",
    });
    for (const name of ["ROOT_API_KEY", "ALLOW_LOOPBACK_AGENTS", "INLINE_CALLS", "TASK_RETENTION", "ENCRYPTION_KEYS", "PUBLIC_URL"])
      expect(message).toContain(name);
    expect(faultOf({})).toContain("ROOT_API_KEY: missing");
  });

  test("a key ring takes over, and what the root key sealed stays readable", () => {
    const before = readConfig(valid);
    const after = readConfig({ ...valid, ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString("base64")}` });
    if (!before.ok || !after.ok) throw new Error("both are valid");
    expect(after.value.keyring.open(before.value.keyring.seal("old", "here"), "here")).toBe("old");
    expect(after.value.keyring.seal("new", "here").startsWith("k1.")).toBe(true);
  });
});

describe("bodies", () => {
  const chunked = (...chunks: Uint8Array[]): Response =>
    new Response(
      new ReadableStream({
        start: (controller) => {
          for (const chunk of chunks) controller.enqueue(chunk);
          controller.close();
        },
      }),
    );
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

  test("a code point may span chunks", async () => {
    const [first, second] = [bytes("é").slice(0, 1), bytes("é").slice(1)];
    expect(await readText(chunked(bytes("a"), first, second), 100)).toBe("aé");
  });

  test("the limit holds with and without a declared length", async () => {
    await expect(readText(chunked(new Uint8Array(60), new Uint8Array(60)), 100)).rejects.toThrow(TooLarge);
    await expect(readText(new Response("x", { headers: { "content-length": "101" } }), 100)).rejects.toThrow(TooLarge);
  });

  test("what is not UTF-8 is refused where it matters", async () => {
    await expect(readText(chunked(new Uint8Array([0xff])), 100, { fatal: true })).rejects.toThrow(TypeError);
    expect(await readText(chunked(new Uint8Array([0xff])), 100)).toBe("\ufffd");
  });
});

test("hints suggest what is close and nothing else", () => {
  expect(nearest("reserch", ["analyze", "research"])).toBe("research");
  expect(nearest("xyz", ["analyze", "research"])).toBeNull();
});
