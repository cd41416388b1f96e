import { describe, expect, test } from "vitest";
import { FreeRelays } from "../../../src/relays/free-relays.ts";
import { LIMITS } from "../../../src/relays/limits.ts";

describe("a relay that works for nobody", () => {
  test("is given to one task at a time, however often it was given back, the one used last first, and to its own tenant", () => {
    const free = new FreeRelays();
    const [a, b] = [free.lease("acme"), free.lease("acme")];
    expect(a.relay).not.toBe(b.relay);
    free.giveBack("acme", a);
    free.giveBack("acme", { relay: b.relay, recorded: ["key"] });
    free.giveBack("acme", a);
    expect(free.lease("other").relay).not.toBe(b.relay);
    expect(free.lease("acme")).toEqual({ relay: b.relay, recorded: ["key"] });
    expect(free.lease("acme")).toEqual(a);
    expect([a.relay, b.relay]).not.toContain(free.lease("acme").relay);
  });

  test("is forgotten where there are many", () => {
    const free = new FreeRelays();
    const leased = Array.from({ length: LIMITS.freeRelays + 5 }, () => free.lease("acme"));
    for (const relay of leased) free.giveBack("acme", relay);
    const known = new Set(leased.map(({ relay }) => relay));
    const again = Array.from({ length: leased.length }, () => free.lease("acme"));
    expect(again.filter(({ relay }) => known.has(relay))).toHaveLength(LIMITS.freeRelays);
    free.giveBack("acme", leased[0] ?? free.lease("acme"));
    for (let tenant = 0; tenant < LIMITS.freeRelayTenants; tenant++) free.giveBack(`t${tenant}`, free.lease(`t${tenant}`));
    expect(known.has(free.lease("acme").relay)).toBe(false);
  });
});
