/**
 * A member of the fleet as a process of its own: `node agent.ts <port> <tenant>/<id>`. It is written like any agent: with the
 * kit, as a function. What is odd about it is its conduct.
 */
import { createHash } from "node:crypto";
import { AgentError, defineAgent, type AttemptContext } from "orchestrator/kit";
import { createPuller } from "orchestrator/kit/puller";
import type { Access } from "../setup/pull.ts";
import { ready, serve, signingSecret } from "../setup/serve.ts";
import { CallLog } from "./call-log.ts";
import { memberNamed, nameOf } from "./roster.ts";

/** Short, so that the orchestrator notices soon when a worker is gone. */
const CLAIM_SECONDS = 1;

const member = memberNamed(process.argv[3]);
const log = new CallLog();
/** By capability. */
const calls = new Map<string, number>();

const agent = defineAgent({
  id: member.id,
  capabilities: member.capabilities,
  ...(member.body !== "pulls" && { secret: signingSecret() }),
  execute: work,
});

if (member.body === "pulls") {
  process.once("message", (access: Access) => void pull(access));
  ready(agent);
} else {
  serve(log.watching(agent));
}

/** The same question has the same answer, whoever is asked: otherwise no quorum would ever agree. */
async function work(input: unknown, context: AttemptContext): Promise<unknown> {
  const { medianMs, failsOneIn, slowOneIn, costUsd } = member.conduct;
  const before = calls.get(context.capability) ?? 0;
  calls.set(context.capability, before + 1);
  const isSlow = slowOneIn !== undefined && before % slowOneIn === 0;
  await new Promise((resolve) => setTimeout(resolve, medianMs * (0.7 + 0.6 * Math.random()) * (isSlow ? 20 : 1)));
  if (failsOneIn !== undefined && digest(`${context.idempotencyKey}/${context.attempt}`) % failsOneIn === 0) {
    throw new AgentError({ code: "stumbled", message: `${member.id} stumbles now and then`, status: 500 });
  }
  if (costUsd !== undefined) context.usage({ cost_usd: costUsd });
  return { answer: digest(JSON.stringify(input)), by: nameOf(member) };
}

function digest(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE();
}

async function pull({ api, key }: Access): Promise<void> {
  try {
    await createPuller({ api, key, agent, waitSeconds: CLAIM_SECONDS, fetch: log.fetch }).run(new AbortController().signal);
  } catch (error) {
    console.error(`${nameOf(member)}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
