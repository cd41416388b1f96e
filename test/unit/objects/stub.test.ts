import { describe, expect, test } from "vitest";
import { ObjectStubs } from "../../../src/objects/stub.ts";
import { isTrouble, troubleOf } from "../../../src/objects/trouble.ts";
import { Unavailable } from "../../../src/shared/errors.ts";

interface Counter {
  readonly count: () => Promise<number>;
}

/** Objects whose stubs answer one after the other: with a number, or by throwing. */
function objects(...answers: readonly (number | Error)[]) {
  const asked: string[] = [];
  const namespace = {
    getByName: (name: string): Counter => {
      const answer = answers[asked.push(name) - 1] ?? new Error("asked too often");
      return { count: async () => (answer instanceof Error ? Promise.reject(answer) : answer) };
    },
  };
  const stubs = new ObjectStubs<{ tenant: string; id: string }, Counter>(namespace, "The counter", ({ tenant, id }) => `${tenant}/${id}`);
  return { stubs, asked };
}

const NAME = { tenant: "default", id: "one" };
const count = (object: Counter) => object.count();
const flagged = (flags: object, message = "something happened") => Object.assign(new Error(message), flags);

describe("the way to an object", () => {
  test("is taken once where it answers", async () => {
    const { stubs, asked } = objects(1, 2);
    expect(await stubs.ask(NAME, count)).toBe(1);
    expect(asked).toEqual(["default/one"]);
  });

  test("is taken once more, on a new stub, where the object was ended meanwhile", async () => {
    const { stubs, asked } = objects(flagged({ durableObjectReset: true }), 2);
    expect(await stubs.ask(NAME, count)).toBe(2);
    expect(asked).toHaveLength(2);
  });

  test("ends with trouble after that", async () => {
    const { stubs, asked } = objects(new Error("gone"), new Error("gone again"), 3);
    await expect(stubs.ask(NAME, count)).rejects.toThrow("The counter did not answer: gone again");
    expect(asked).toHaveLength(2);
  });

  test("is not taken again to one that is overloaded, nor for what may be asked once only", async () => {
    const overloaded = objects(flagged({ overloaded: true, retryable: true }), 2);
    await expect(overloaded.stubs.ask(NAME, count)).rejects.toThrow("overloaded");
    const once = objects(new Error("gone"), 2);
    await expect(once.stubs.askOnce(NAME, count)).rejects.toBeInstanceOf(Unavailable);
    expect([overloaded.asked.length, once.asked.length]).toEqual([1, 1]);
  });
});

describe("what an error says of the platform", () => {
  test.each([
    [new Unavailable("D1", "it is away"), "unavailable"],
    [flagged({ overloaded: true, retryable: true }), "overloaded"],
    [flagged({ durableObjectReset: true, remote: true }), "reset"],
    [flagged({ retryable: true, remote: true }), "disconnected"],
    [new Error("Durable Object reset because its code was updated."), "reset"],
    [flagged({ retryable: true }, "The script has been reset"), "reset"],
    [new Error("Worker exceeded its CPU time limit"), "reset"],
    [new Error("Network connection lost."), "disconnected"],
    [new Error("Durable Object is overloaded. Too many requests queued."), "overloaded"],
    [new Error("Failed query: select 1", { cause: new Error("D1_ERROR: storage is away") }), "unavailable"],
  ])("%o is trouble: %s", (error, trouble) => {
    expect([troubleOf(error), isTrouble(error)]).toEqual([trouble, true]);
  });

  test.each([
    [new TypeError("x is not a function")],
    [flagged({ remote: true }, "a defect of the object")],
    ["a text"],
    [null],
    [undefined],
  ])("%o is none", (error) => {
    expect([troubleOf(error), isTrouble(error)]).toEqual([null, false]);
  });
});
