import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AgentState } from "../../src/agents/agent-state.ts";
import { isBuiltinAgent } from "../../src/agents/transports/builtin.ts";
import { AgentDirectory } from "../../src/agents/directory.ts";
import { AgentRegistry } from "../../src/agents/registry/registry.ts";
import { createKeyring } from "../../src/shared/keyring.ts";

const BY = { type: "key", id: "root" } as const;

const keyring = createKeyring([{ name: "k1", secret: new Uint8Array(32).fill(1) }]);
const registry = new AgentRegistry(drizzle(env.DB), keyring, { allowLoopback: false });
const register = async (tenant: string, id: string): Promise<void> =>
  void (await registry.register(
    tenant,
    id,
    { url: "https://a.example/", capabilities: ["x"] },
    { type: "revision", revision: null },
    false,
    BY,
    Date.now(),
  ));
const ids = async (directory: AgentDirectory, tenant: string, now: number): Promise<string[]> =>
  [...(await directory.load(tenant, now)).byId.keys()].filter((id) => !isBuiltinAgent(id));

afterEach(() => void vi.restoreAllMocks());

describe("the directory", () => {
  test("answers from memory for ten seconds and not longer", async () => {
    const directory = new AgentDirectory(registry, env.CACHE);
    await register("t1", "one");
    expect(await ids(directory, "t1", 1_000_000)).toEqual(["one"]);
    await register("t1", "two");
    expect(await ids(directory, "t1", 1_010_000)).toEqual(["one"]);
    expect(directory.known("t1", 1_010_001)).toBeNull();
    expect(await ids(directory, "t1", 1_010_001)).toEqual(["one", "two"]);
  });

  test("sees a change of its own at once, and a refresh sees everyone's", async () => {
    const directory = new AgentDirectory(registry, env.CACHE);
    await ids(directory, "t2", 1_000_000);
    await register("t2", "one");
    expect([...(await directory.refresh("t2", 1_000_001)).byId.keys()]).toContain("one");
    await registry.delete("t2", "one", { type: "revision", revision: null });
    await directory.changed("t2", 1_000_002);
    expect(await ids(directory, "t2", 1_000_003)).toEqual([]);
  });

  test("takes a fresh copy from KV without asking D1, never an old one", async () => {
    const directory = new AgentDirectory(registry, env.CACHE);
    await register("t3", "one");
    await directory.changed("t3", 1_000_000);
    directory.forget("t3");
    const all = vi.spyOn(registry, "all");
    expect(await ids(directory, "t3", 1_005_000)).toEqual(["one"]);
    expect(all).not.toHaveBeenCalled();
    directory.forget("t3");
    await ids(directory, "t3", 1_011_000);
    expect(all).toHaveBeenCalled();
  });

  test("answers from KV, however old, while D1 does not answer", async () => {
    const directory = new AgentDirectory(registry, env.CACHE);
    await register("t4", "one");
    await directory.changed("t4", 1_000_000);
    directory.forget("t4");
    vi.spyOn(registry, "all").mockRejectedValue(new Error("D1_ERROR"));
    expect(await ids(directory, "t4", 9_000_000)).toEqual(["one"]);
    directory.forget("t5");
    await expect(directory.load("t5", 1)).rejects.toThrow("D1_ERROR");
  });

  test("keeps secrets sealed wherever they lie", async () => {
    const directory = new AgentDirectory(registry, env.CACHE);
    await registry.register(
      "t6",
      "one",
      { url: "https://a.example/", capabilities: ["x"], auth: { type: "bearer", value: "plain-secret" } },
      { type: "revision", revision: null },
      false,
      BY,
      1,
    );
    await directory.changed("t6", 1);
    const rows = await env.DB.prepare("SELECT record FROM agents WHERE tenant = 't6'").all();
    expect(JSON.stringify(rows.results) + (await env.CACHE.get("directory/t6"))).not.toContain("plain-secret");
  });

  test("of two writers at once one is told", async () => {
    await register("t7", "one");
    const write = () =>
      registry.register(
        "t7",
        "one",
        { url: "https://a.example/", capabilities: ["x"] },
        { type: "revision", revision: 1 },
        false,
        BY,
        Date.now(),
      );
    const outcomes = await Promise.all([write(), write(), write()]);
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
  });
});

describe("what an agent's object publishes", () => {
  const state = (at: number, reason: string): AgentState => ({
    v: 1,
    at,
    status: "healthy",
    reason,
    since: at,
    breaker: { status: "closed" },
    inFlight: 0,
    waiting: 0,
    capabilities: {},
  });
  const published = async (tenant: string) => (await registry.all(tenant)).flatMap(({ state }) => state?.reason ?? []);

  test("is kept, the latest of it, and only of an agent that there is", async () => {
    await register("published", "one");
    await registry.publish("published", "one", state(2, "later"));
    await registry.publish("published", "one", state(1, "earlier"));
    expect(await published("published")).toEqual(["later"]);
    await registry.publish("published", "one", state(3, "latest"));
    expect(await published("published")).toEqual(["latest"]);
    await registry.delete("published", "one", { type: "revision", revision: null });
    await registry.publish("published", "one", state(4, "too late"));
    const rows = await env.DB.prepare("SELECT count(*) AS rows FROM agent_states WHERE tenant = 'published'").first();
    expect(rows).toEqual({ rows: 0 });
  });
});
