/** The demo's agents as processes: one in Python that knows nothing of the kit, one that fetches its work. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentProcess } from "../../../examples/setup/agent-process.ts";
import { bodyOf, SECRET, signed } from "./orchestrator.ts";
import { PullServer } from "./pull-server.ts";
import { until } from "./until.ts";

const python = await AgentProcess.startPython("demo/agents/keywords", { name: "keywords", capabilities: [{ name: "text.keywords" }] });

describe.skipIf(python === null)("the agent in Python", () => {
  const agent = python as AgentProcess;
  afterAll(() => agent.stop());

  const documents = [
    { name: "bees", text: "# Bees\n\nHoney bees make honey. The honey is stored in the hive, and the hive is warm." },
    { name: "ships", text: "Ships sail. A ship has a mast; masts carry sails over the sea. `bees()`" },
  ];
  const body = JSON.stringify(bodyOf({ capability: "text.keywords", input: { documents } }));
  const send = async (request: Request) =>
    fetch(agent.endpoint?.url ?? "", { method: "POST", headers: request.headers, body: await request.text() });

  test("does signed work", async () => {
    const response = await send(signed(body, { secret: agent.endpoint?.signingSecret }));
    expect(response.status).toBe(200);
    const { output } = (await response.json()) as { readonly output: Readonly<Record<string, readonly string[]>> };
    expect(output["bees"]?.[0]).toBe("honey");
    expect(output["bees"]).toContain("hive");
    expect(output["ships"]).toContain("mast");
    expect(output["ships"]).not.toContain("bees");
  });

  test("believes nobody else", async () => {
    expect((await send(signed(body, { secret: SECRET }))).status).toBe(401);
    expect((await send(signed(body, { secret: agent.endpoint?.signingSecret, at: new Date(Date.now() - 600_000) }))).status).toBe(401);
    expect((await send(new Request("http://agent/", { method: "POST", body }))).status).toBe(401);
  });

  test("says what it expects", async () => {
    for (const wrong of ["{", "[]", JSON.stringify(bodyOf({ input: {} }))]) {
      const response = await send(signed(wrong, { secret: agent.endpoint?.signingSecret }));
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("documents");
    }
  });
});

describe("the agent that fetches its work", () => {
  let server: PullServer;
  let agent: AgentProcess;

  beforeAll(async () => {
    server = await PullServer.start();
    agent = await AgentProcess.startPulling("demo/agents/critic");
  });

  afterAll(async () => {
    agent.stop();
    await server.stop();
  });

  test("does so once it was given access", async () => {
    expect(agent).toMatchObject({ id: "critic", endpoint: null, registration: { capabilities: [{ name: "text.critique" }] } });
    agent.giveAccess({ api: server.api, key: "key_of_the_critic" });
    const sentences = [{ document: "a.md", section: "One", words: 40, text: "Long." }];
    server.offer("critique", { sentences }, { capability: "text.critique" });
    await until(() => server.told.length === 1);
    expect(server.told).toEqual([{ about: "critique complete", body: { output: { advice: ["a.md, “One”: 40 words in “Long.…”"] } } }]);
    expect(server.claims[0]).toMatchObject({ url: "/api/v1/agents/critic/claim?wait=20s", authorization: "Bearer key_of_the_critic" });
  });
});
