import { describe, expect, test, vi } from "vitest";
import { againAt, Errands, Reminders, type Errand } from "../../../src/objects/errands.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

type Command = { readonly type: "drop"; readonly tag: string } | { readonly type: "ask"; readonly key: string };

function recorded(said: string[], name: string, nextAt: number | null = null): Errand<string, Command> {
  return {
    run: (state, commands) => said.push(`${name} ${state} ${commands.map((command) => Object.values(command).join(" ")).join(", ")}`),
    again: (state) => said.push(`${name} again ${state}`),
    nextAt: () => nextAt,
  };
}

describe("errands", () => {
  test("are carried out in their own order, each with all of its commands at once", () => {
    const said: string[] = [];
    const [drop, ask, count] = [recorded(said, "drops"), recorded(said, "asks"), recorded(said, "counts")];
    const errands = new Errands<string, Command>([drop, ask, count], { drop: [drop, count], ask: [ask] });
    errands.run("now", [
      { type: "ask", key: "a" },
      { type: "drop", tag: "x" },
      { type: "ask", key: "b" },
    ]);
    expect(said).toEqual(["drops now drop x", "asks now ask a, ask b", "counts now drop x"]);
    said.length = 0;
    errands.run("now", []);
    expect(said).toEqual([]);
  });

  test("wake the object for the first of them, and all that are owed are carried out again", () => {
    const said: string[] = [];
    const [late, never, early] = [recorded(said, "late", 30), recorded(said, "never"), recorded(said, "early", 20)];
    const errands = new Errands<string, Command>([late, never, early], { drop: [late], ask: [early] });
    expect(errands.nextAt("now", 10)).toBe(20);
    expect(new Errands<string, Command>([never], { drop: [], ask: [] }).nextAt("now", 10)).toBeNull();
    errands.again("now", 10);
    expect(said).toEqual(["late again now", "never again now", "early again now"]);
  });
});

describe("what is owed", () => {
  test("is looked at after half a minute, then less and less often, and at least every ten minutes", () => {
    expect(againAt(0, 0)).toBe(30 * SECOND);
    expect(againAt(0, 2 * MINUTE) - 2 * MINUTE).toBe(2 * MINUTE);
    expect(againAt(0, 60 * MINUTE) - 60 * MINUTE).toBe(10 * MINUTE);
  });

  test("is due at once where this instance has not carried it out, and else when the alarm comes for it", () => {
    const now = 1_000 * MINUTE;
    vi.useFakeTimers({ now });
    const reminders = new Reminders();
    expect(reminders.isDue("a", now, now)).toBe(true);
    reminders.carriedOut("a");
    expect(reminders.isDue("a", now, now + SECOND)).toBe(false);
    expect(reminders.isDue("a", now, againAt(now, now))).toBe(true);
    reminders.heard("a");
    expect(reminders.isDue("a", now, now + SECOND)).toBe(true);
    vi.useRealTimers();
  });
});
