/** The example workflows on the real service with real agents: what they come to, and what the agents themselves saw. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { TaskEvent } from "../../examples/setup/orchestrator.ts";
import { WORKFLOWS } from "../../examples/workflows/definitions.ts";
import { play } from "../../examples/workflows/play.ts";
import { Run } from "../../examples/workflows/run.ts";
import { promote, putCanary, release, versionsOf } from "../../examples/workflows/release.ts";
import { hurried, MESSAGES, pictures, SCENARIOS } from "../../examples/workflows/scenarios.ts";
import { firstNights, putSchedule } from "../../examples/workflows/scheduled.ts";
import { Stage } from "../../examples/workflows/stage.ts";

const examples = join(import.meta.dirname, "..", "..", "examples");
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open();
});

afterAll(() => stage.close());

const start = (workflow: string, input: unknown): Promise<Run> => Run.start(stage.orchestrator, { type: workflow, input });
const events = (run: Run, type: string): readonly TaskEvent[] => run.events.filter((event) => event.type === type);
const steps = (run: Run, type: string) => events(run, type).map(({ step_id }) => step_id);
/** What the agents were asked for a task, in the order in which they were. */
const asked = (run: Run) =>
  stage.agents
    .flatMap(({ id, asked: all }) => all.map((call) => ({ agent: id, ...call })))
    .filter(({ task }) => task === run.id)
    .toSorted((a, b) => a.at - b.at);

describe("research and analysis", () => {
  test("asks all sources at once, insists on one that is busy, and does without one that is down", async () => {
    const run = await start("research-and-analyse", { query: "bees" });
    const { output, ...result } = await run.ended;
    expect(result).toMatchObject({ status: "completed", degraded: [{ code: "source_down", step_id: "news" }] });
    expect(output).toContain("5 findings (web, papers)");
    const firstEnd = run.events.findIndex(({ type }) => type === "step.completed");
    const beforeIt = run.events.slice(0, firstEnd).filter(({ type }) => type === "attempt.started");
    expect(beforeIt.map(({ step_id }) => step_id)).toEqual(["web", "papers", "news"]);
    expect(asked(run).filter(({ step }) => step === "papers")).toHaveLength(2);
    expect(steps(run, "step.skipped")).toEqual(["archive"]);
  });

  test("looks into the archive where there is little", async () => {
    const run = await start("research-and-analyse", { query: "dance" });
    expect((await run.ended).output).toContain("2 findings (papers, archive)");
  });
});

test("messages are answered as far as the budget goes, and not one further", async () => {
  const messages = Array.from({ length: 8 }, (_, index) => `Where is invoice ${index + 1}?`);
  const run = await start("answers-within-a-budget", { messages });
  const { output, ...result } = (await run.ended) as { readonly output: readonly unknown[]; readonly partial?: true };
  expect(result).toMatchObject({ status: "completed", partial: true });
  expect(output.filter((answer) => answer !== null)).toHaveLength(5);
  expect(asked(run)).toHaveLength(5);
});

test("a document is summarised in parts, a few at once, which come together in order", async () => {
  const run = await start("map-reduce-summary", { text: readFileSync(join(examples, "workflows", "bees.txt"), "utf8") });
  const { output } = (await run.ended) as { readonly output: { readonly chunks: number; readonly summary: string } };
  expect(output.chunks).toBeGreaterThan(4);
  expect(output.summary).toMatch(/^A colony of honey bees .* five thousand years\.$/);
  let [underWay, most] = [0, 0];
  for (const { type } of run.events) {
    if (type === "branch.started") most = Math.max(most, ++underWay);
    if (type === "branch.completed") underWay--;
  }
  expect(most).toBe(4);
});

describe("a review", () => {
  const workflow = "review-with-approval-and-escalation";

  test("is decided over HTTP by who is asked, who may change the text, and by nobody else", async () => {
    const run = await start(workflow, { topic: "bees" });
    const id = await run.approval();
    const [editor, chief] = [await stage.orchestrator.person("ed", "developer"), await stage.orchestrator.person("chief", "operator")];
    const approval = await editor.call<{ readonly title: string; readonly payload: object; readonly hash: string }>(
      "GET",
      `/approvals/${id}`,
    );
    expect(approval).toMatchObject({ title: "Publish “All about bees”?", assignees: ["role:developer"], editable: true });
    await expect(chief.call("POST", `/approvals/${id}/decide`, { decision: "approve" })).rejects.toThrow("403");
    const decision = { decision: "approve", hash: approval.hash, payload: { ...approval.payload, title: "In praise of bees" } };
    expect(await editor.call("POST", `/approvals/${id}/decide`, decision)).toMatchObject({ status: "approved" });
    expect((await run.ended).output).toMatchObject({ published: { title: "In praise of bees", url: expect.stringContaining(run.id) } });
  });

  test("that is late is asked of others as well, who then may decide", async () => {
    const submission = hurried(workflow, { topic: "bees" }, ["due: 2d", "due: 3s"]);
    const run = await Run.start(stage.orchestrator, submission);
    const [id, chief] = [await run.approval(), await stage.orchestrator.person("chief", "operator")];
    await run.event("approval.escalated");
    await chief.call("POST", `/approvals/${id}/decide`, { decision: "approve" });
    expect((await run.ended).output).toMatchObject({ published: { title: "All about bees" } });
    expect(events(run, "approval.escalated")).toMatchObject([{ data: { assignees: ["role:developer", "role:operator"] } }]);
  });

  test("is decided by a link, once, by who has nothing else", async () => {
    const run = await start(workflow, { topic: "wasps" });
    const id = await run.approval();
    const link = { for: "ann@magazine.example", expires_in: "1h" };
    const { url } = await stage.orchestrator.call<{ readonly url: string }>("POST", `/approvals/${id}/links`, link);
    expect(new URL(url).hostname).toBe("127.0.0.1");
    expect(await (await fetch(url)).json()).toMatchObject({ id, status: "pending", payload: { title: "All about wasps" } });
    const decide = (body: object): Promise<Response> =>
      fetch(`${url}/decide`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    expect((await decide({ decision: "reject", comment: "who likes wasps?" })).status).toBe(200);
    expect((await decide({ decision: "approve" })).status).toBe(409);
    expect((await run.ended).output).toMatchObject({ revised: { text: expect.stringContaining("who likes wasps?") } });
    expect(events(run, "approval.decided")).toMatchObject([{ data: { by: expect.stringContaining("ann@magazine.example") } }]);
  });
});

describe("a trip", () => {
  const trip = { to: "Ljubljana", nights: 3 };

  test("that is paid is booked, each part once", async () => {
    const run = await start("trip-booking-saga", { ...trip, card: "4111-1" });
    expect(await run.ended).toMatchObject({ status: "completed", output: { bookings: { length: 3 }, paid: 320 + 3 * (110 + 45) } });
    await vi.waitUntil(() => asked(run).length === 4);
    expect(asked(run).map(({ agent, step }) => [agent, step])).toEqual([
      ["flight-booker", "flight"],
      ["hotel-booker", "hotel"],
      ["car-booker", "car"],
      ["bank", "payment"],
    ]);
  });

  test("that cannot be paid is undone, the last booking first, as those who booked have seen it", async () => {
    const run = await start("trip-booking-saga", { ...trip, card: "4111-0" });
    expect(await run.ended).toMatchObject({ status: "failed", error: { code: "card_declined", step_id: "payment" } });
    await vi.waitUntil(() => asked(run).length === 7);
    expect(asked(run).map(({ agent, step }) => [agent, step])).toEqual([
      ["flight-booker", "flight"],
      ["hotel-booker", "hotel"],
      ["car-booker", "car"],
      ["bank", "payment"],
      ["car-booker", "car~undo"],
      ["hotel-booker", "hotel~undo"],
      ["flight-booker", "flight~undo"],
    ]);
    const task = await stage.orchestrator.call("GET", `/tasks/${run.id}`);
    expect(task).toMatchObject({
      compensations: ["car", "hotel", "flight"].map((step) => ({ step_id: step, status: "completed" })),
    });
  });
});

describe("a job", () => {
  test("is started once, looked at until it is ready, each time under another key, and fetched", async () => {
    const run = await start("poll-until-ready", { scene: "meadow", seconds: 1.2 });
    expect(await run.ended).toMatchObject({ status: "completed", output: { picture: "meadow.png" } });
    const looks = events(run, "branch.completed");
    expect(looks.length).toBeGreaterThanOrEqual(2);
    expect(looks.map(({ data }) => (data["output"] as { readonly state: string }).state)).toEqual([
      ...Array.from({ length: looks.length - 1 }, () => "rendering"),
      "ready",
    ]);
    await vi.waitUntil(() => asked(run).length === looks.length + 2);
    expect(new Set(asked(run).map(({ key }) => key)).size).toBe(looks.length + 2);
    expect(asked(run)[1]).toMatchObject({ step: "poll[1]/look" });
  });

  test("that broke fails the task with its reason", async () => {
    const run = await start("poll-until-ready", { scene: "nothing", seconds: 0 });
    expect((await run.ended).error).toMatchObject({ code: "render_failed", message: expect.stringContaining("there is nothing to see") });
    expect(asked(run).map(({ step }) => step)).not.toContain("fetch");
  });
});

test("three vote, two of them agree, and the best of three replies is taken", async () => {
  const run = await start("ensemble-vote", { message: "I was charged twice for one invoice, and now the app crashes. I want a refund." });
  expect(await run.ended).toMatchObject({ output: { label: "billing", reply: { by: "bookkeeper", confidence: 0.9 } } });
  const agentsOf = (step: string) =>
    events(run, "attempt.started")
      .filter(({ step_id }) => step_id === step)
      .map(({ data }) => data["agent"] as string);
  for (const step of ["vote", "reply"]) expect(agentsOf(step).toSorted()).toEqual(["bookkeeper", "diplomat", "engineer"]);
  // Who agreed: the reply that decided is the step's; the engineer's, if it came before that, is the odd one out.
  const votes = [...events(run, "attempt.completed"), ...events(run, "step.completed")].filter(({ step_id }) => step_id === "vote");
  const labels = votes.map(({ data }) => (data["output"] as { readonly label: string }).label);
  expect(labels.filter((label) => label === "billing").length).toBeGreaterThanOrEqual(2);
  expect(labels.filter((label) => label === "fault").length).toBeLessThanOrEqual(1);

  const undecided = await start("ensemble-vote", { message: "Thanks! But I was charged, and the app crashes." });
  expect((await undecided.ended).error).toMatchObject({ code: "no_quorum", step_id: "vote" });
  expect(events(undecided, "attempt.started")).toHaveLength(3);
});

describe("events", () => {
  const ann = "ann@honey.example";

  test("are picked by the steps that they match, also those that came early; what is known comes from another workflow", async () => {
    const run = await start("event-driven-enrichment", { email: ann });
    await run.signal("event", { type: "plan_chosen", plan: "business" });
    await run.signal("event", { type: "email_confirmed", email: "bob@wax.example" });
    await expect(run.signal("evnet", {})).rejects.toThrow("signal_unexpected");
    await run.signal("event", { type: "email_confirmed", email: ann });
    expect((await run.ended).output).toEqual({ customer: `customer ${ann}`, plan: "business", name: "Honey & Daughters", employees: 12 });
    const [child] = events(run, "child.started");
    expect(await stage.orchestrator.call("GET", `/tasks/${String(child?.data["task"])}`)).toMatchObject({
      type: "company-profile",
      status: "completed",
      parent: { task_id: run.id, step_id: "outcome[1]/company" },
    });
  });

  test("that do not come in time are another way to go", async () => {
    const submission = hurried("event-driven-enrichment", { email: ann }, ["timeout: 1h", "timeout: 500ms"]);
    const run = await Run.start(stage.orchestrator, submission);
    expect(await run.ended).toMatchObject({
      status: "completed",
      output: { reminded: `customer ${ann}` },
      degraded: [{ code: "signal_timeout", step_id: "confirmed" }],
    });
  });
});

describe("three hundred pictures", () => {
  test("are spread over three tasks, and one in twenty may be broken", async () => {
    const run = await start("long-map-with-tolerated-failures", { images: pictures(15) });
    const { output } = (await run.ended) as { readonly output: { readonly made: number; readonly failed: readonly string[] } };
    expect(output).toEqual({ made: 285, failed: pictures(15).filter((image) => image.startsWith("broken")) });
    const children = events(run, "child.started").map(({ data }) => data["task"]);
    expect(events(run, "child.started").map(({ data }) => data["items"])).toEqual([100, 100, 100]);
    const photographer = stage.agents.find(({ id }) => id === "photographer");
    const calls = photographer?.asked.filter(({ task }) => children.includes(task)) ?? [];
    expect(new Set(calls.map(({ key }) => key)).size).toBe(300);
  });

  test("are too many of them broken, the task fails and says so", async () => {
    const run = await start("long-map-with-tolerated-failures", { images: pictures(16) });
    expect((await run.ended).error).toMatchObject({
      code: "unreadable",
      step_id: "thumbnails",
      message: expect.stringMatching(/16 of 300 items failed; the first: /),
    });
  });
});

describe("a canary", () => {
  test("is compared with the stable version, decided on, and gets a share and then all", async () => {
    await putCanary(stage.orchestrator, "engineer");
    const run = await start("canary", { messages: MESSAGES });
    const id = await run.approval();
    const developer = await stage.orchestrator.person("dee", "developer");
    const { title, payload, hash } = await developer.call<{ title: string; payload: unknown; hash: string }>("GET", `/approvals/${id}`);
    expect(title).toBe("Release it? 1 of 4 messages are read differently");
    expect(payload).toEqual([{ message: MESSAGES[1], stable: "billing", canary: "fault" }]);
    expect(new Set(await versionsOf(stage.orchestrator, 20)).size).toBe(1);
    await developer.call("POST", `/approvals/${id}/decide`, { decision: "approve", hash });
    expect((await run.ended).output).toMatchObject({ released: true });
    await release(stage.orchestrator, 50);
    const shared = await versionsOf(stage.orchestrator, 60);
    expect(new Set(shared).size).toBe(2);
    await promote(stage.orchestrator);
    expect(new Set(await versionsOf(stage.orchestrator, 20))).toEqual(new Set([Math.max(...shared)]));
  });

  test("that differs too much ends it before anybody is asked", async () => {
    await putCanary(stage.orchestrator, "diplomat");
    const run = await start("canary", { messages: MESSAGES });
    expect((await run.ended).error).toMatchObject({ code: "too_different", message: "3 of 4 messages are read differently" });
    expect(events(run, "approval.requested")).toEqual([]);
  });
});

describe("a pipeline", () => {
  test("goes on with its next workflow, and a webhook is told of both, signed", async () => {
    const run = await start("pipeline", { day: "2027-05-20" });
    expect((await run.ended).output).toHaveLength(3);
    const told = await stage.listener.ended("pipeline-report");
    expect(told).toMatchObject({ type: "task.completed", data: { status: "completed", output: "2027-05-20: 3 sales, 41 in all" } });
    expect(await stage.orchestrator.call("GET", `/tasks/${told.data.id}`)).toMatchObject({ chained_from: run.id });
    expect(stage.listener.told.map(({ data }) => data.id)).toContain(run.id);
    expect(stage.listener.refused).toBe(0);
  });

  test("is not told of by just anybody", async () => {
    expect((await fetch(stage.listener.url, { method: "POST", body: JSON.stringify({ type: "task.completed" }) })).status).toBe(401);
    expect(stage.listener.told.every(({ type }) => type === "task.completed")).toBe(true);
  });
});

describe("a nightly pipeline", () => {
  const workflow = "nightly-pipeline";

  test("is scheduled for two in the morning where the shop is", async () => {
    const next = await putSchedule(stage.orchestrator, workflow);
    const format = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Ljubljana", timeStyle: "short" });
    expect(next.map((time) => format.format(new Date(time)))).toEqual(Array.from({ length: 10 }, () => "02:00"));
    await stage.orchestrator.delete(`/schedules/${workflow}`);
    await expect(stage.orchestrator.call("GET", `/schedules/${workflow}`)).rejects.toThrow("404");
  });

  test("runs night after night, each once, and knows which one it is", async () => {
    const nights = await firstNights(stage.orchestrator, workflow, 3);
    const times = nights.map(({ scheduled_at }) => Date.parse(scheduled_at));
    expect(times.every((time, index) => index === 0 || time > (times[index - 1] as number))).toBe(true);
    for (const { scheduled_at, task_id } of nights) {
      const run = Run.follow(stage.orchestrator, task_id);
      expect((await run.ended).output).toContain(`${scheduled_at}: 2 orders, 21 in all`);
      const task = await stage.orchestrator.call("GET", `/tasks/${task_id}`);
      expect(task).toMatchObject({ tags: ["nightly"], scheduled_by: { schedule: workflow, at: scheduled_at } });
      await vi.waitUntil(() => asked(run).length === 3);
      expect(
        asked(run)
          .map(({ step }) => step)
          .toSorted(),
      ).toEqual(["load", "orders", "returns"]);
    }
  });
});

describe("all examples", () => {
  test("are played as npm run examples plays them, and end as they should", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const played = await Promise.all(SCENARIOS.map((scenario) => play(scenario, stage)));
    const lines = log.mock.calls.flat().join("\n");
    log.mockRestore();
    expect(lines).not.toContain("which is wrong");
    expect(played).toEqual(SCENARIOS.map(() => true));
    for (const line of ["↩ car undone", "! review is late", "☞ a webhook is told", "☾ the night of", "■ failed: card_declined"])
      expect(lines).toContain(line);
  });

  test("are drawn in the README as the service draws them", async () => {
    const readme = readFileSync(join(examples, "README.md"), "utf8");
    for (const workflow of WORKFLOWS) {
      expect(readme, workflow).toContain(`\`\`\`mermaid\n${await stage.orchestrator.diagram(workflow)}\`\`\``);
    }
  });

  test("ask for each step under one key, which no other step has", () => {
    const calls = stage.agents.flatMap((agent) => agent.asked);
    const keysByStep = Map.groupBy(calls, ({ task, step }) => `${task} ${step}`);
    const keys = [...keysByStep.values()].map((all) => [...new Set(all.map(({ key }) => key))]);
    expect(keys.filter(({ length }) => length !== 1)).toEqual([]);
    expect(new Set(keys.flat()).size).toBe(keysByStep.size);
  });

  test("are told where there is no example of the name", () => {
    const { status, stderr } = spawnSync(process.execPath, [join(examples, "workflows", "main.ts"), "trip"], { encoding: "utf8" });
    expect(stderr).toContain('There is no example "trip"; there are research-and-analyse, ');
    expect(status).toBe(2);
  });
});
