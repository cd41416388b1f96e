/** What `npm run examples` plays: for each workflow an input, and what people and other systems do meanwhile. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { definitionOf } from "./definitions.ts";
import { promote, putCanary, release, versionsOf } from "./release.ts";
import type { Run } from "./run.ts";
import type { Stage } from "./stage.ts";

export interface Scenario {
  readonly workflow: string;
  readonly title: string;
  readonly input: unknown;
  /** Where it says how long to wait: two days are too long to be watched. */
  readonly hurry?: readonly [from: string, to: string];
  /** What there has to be before. */
  readonly before?: (stage: Stage) => Promise<void>;
  /** It is not submitted: its schedule does that, so many nights in a row. */
  readonly nights?: number;
  readonly meanwhile?: (run: Run, stage: Stage, say: (text: string) => void) => Promise<void>;
  /** How it ends. */
  readonly status: "completed" | "failed";
}

const bees = readFileSync(join(import.meta.dirname, "bees.txt"), "utf8");
/** The names of three hundred, so many of them broken. */
export const pictures = (broken: number): readonly string[] =>
  Array.from({ length: 300 }, (_, index) => `${index % 15 === 7 && index < 15 * broken ? "broken" : "picture"}-${index}.jpg`);

/** What customers write. */
export const MESSAGES: readonly string[] = [
  "I love it, but was charged twice for one invoice",
  "The app crashes when I open it, and I was charged for that",
  "I was charged the wrong price, thanks for nothing",
  "Great, but the invoice says I was charged yesterday",
];

export const SCENARIOS: readonly Scenario[] = [
  { workflow: "research-and-analyse", title: "a question on which there is little", input: { query: "dance" }, status: "completed" },
  { workflow: "map-reduce-summary", title: "a page on bees", input: { text: bees }, status: "completed" },
  {
    workflow: "review-with-approval-and-escalation",
    title: "an editor approves, and changes a word",
    input: { topic: "bees" },
    status: "completed",
    meanwhile: async (run, { orchestrator }, say) => {
      const id = await run.approval();
      const editor = await orchestrator.person("editor", "developer");
      const { payload } = await editor.call<{ readonly payload: object }>("GET", `/approvals/${id}`);
      say("an editor reads it, finds a better title, and approves");
      await editor.call("POST", `/approvals/${id}/decide`, { decision: "approve", payload: { ...payload, title: "In praise of bees" } });
    },
  },
  {
    workflow: "review-with-approval-and-escalation",
    title: "nobody is there in time, and the next one says no, by a link",
    input: { topic: "wasps" },
    hurry: ["due: 2d", "due: 2s"],
    status: "completed",
    meanwhile: async (run, { orchestrator }, say) => {
      const id = await run.approval();
      const { url } = await orchestrator.call<{ readonly url: string }>("POST", `/approvals/${id}/links`, {
        for: "chief@magazine.example",
      });
      await run.event("approval.escalated");
      say(`the chief editor opens ${url.slice(0, 60)}… and says no`);
      const headers = { "content-type": "application/json" };
      await fetch(`${url}/decide`, { method: "POST", headers, body: JSON.stringify({ decision: "reject", comment: "who likes wasps?" }) });
    },
  },
  { workflow: "trip-booking-saga", title: "all goes well", input: { to: "Ljubljana", nights: 3, card: "4111-1" }, status: "completed" },
  { workflow: "trip-booking-saga", title: "the card is declined", input: { to: "Ljubljana", nights: 3, card: "4111-0" }, status: "failed" },
  { workflow: "poll-until-ready", title: "two seconds of rendering", input: { scene: "meadow", seconds: 2 }, status: "completed" },
  {
    workflow: "ensemble-vote",
    title: "a message that can be read in more than one way",
    input: { message: "I was charged twice for one invoice, and now the app crashes. I want a refund." },
    status: "completed",
  },
  {
    workflow: "answers-within-a-budget",
    title: "eight messages, and five calls",
    input: { messages: Array.from({ length: 8 }, (_, index) => `Where is invoice ${index + 1}?`) },
    status: "completed",
  },
  {
    workflow: "event-driven-enrichment",
    title: "the plan is known before the address is confirmed",
    input: { email: "ann@honey.example" },
    status: "completed",
    meanwhile: async (run, _, say) => {
      say("events: a plan is chosen, somebody else confirms an address, then Ann does");
      await run.signal("event", { type: "plan_chosen", plan: "business" });
      await run.signal("event", { type: "email_confirmed", email: "bob@wax.example" });
      await run.signal("event", { type: "email_confirmed", email: "ann@honey.example" });
    },
  },
  {
    workflow: "event-driven-enrichment",
    title: "nothing happens",
    input: { email: "bob@wax.example" },
    hurry: ["timeout: 1h", "timeout: 1s"],
    status: "completed",
  },
  {
    workflow: "long-map-with-tolerated-failures",
    title: "three hundred pictures, of which a dozen are broken",
    input: { images: pictures(12) },
    status: "completed",
  },
  {
    workflow: "pipeline",
    title: "one workflow after the other, and a webhook",
    input: { day: "2027-05-20" },
    status: "completed",
    meanwhile: async (_, { listener }, say) => {
      const { data } = await listener.ended("pipeline-report");
      say(`a webhook is told that ${data.id} is ${data.status}: ${JSON.stringify(data.output)}`);
    },
  },
  {
    workflow: "canary",
    title: "a new version reads one message in another way, and is released all the same",
    input: { messages: MESSAGES },
    before: ({ orchestrator }) => putCanary(orchestrator, "engineer"),
    status: "completed",
    meanwhile: async (run, { orchestrator }, say) => {
      const id = await run.approval();
      const developer = await orchestrator.person("developer", "developer");
      const { title, hash } = await developer.call<{ readonly title: string; readonly hash: string }>("GET", `/approvals/${id}`);
      say(`a developer is asked: ${title} – and says yes`);
      await developer.call("POST", `/approvals/${id}/decide`, { decision: "approve", hash });
      await release(orchestrator, 20);
      const started = await versionsOf(orchestrator, 40);
      const newest = Math.max(...started);
      say(`of 40 starts ${started.filter((version) => version === newest).length} get version ${newest}, which is to have a fifth`);
      await promote(orchestrator);
      say(`now all get version ${Math.max(...(await versionsOf(orchestrator, 5)))}`);
    },
  },
  { workflow: "nightly-pipeline", title: "three nights in a row", input: {}, nights: 3, status: "completed" },
];

/** The body that submits it. */
export function submissionOf({ workflow, input, hurry }: Scenario): object {
  return hurry === undefined ? { type: workflow, input } : hurried(workflow, input, hurry);
}

/** By an own definition, which waits as long as it is told. */
export function hurried(workflow: string, input: unknown, [from, to]: readonly [string, string]): object {
  return { workflow: parse(definitionOf(workflow).replace(from, to)) as object, input };
}
