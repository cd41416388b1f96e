/** Lets an agent of the kit fetch its work instead of being called: nothing listens here. */
import type { Agent } from "orchestrator/kit";
import { createPuller } from "orchestrator/kit/puller";
import { ready } from "./serve.ts";

/** What the starting process sends once the agent is registered. */
export interface Access {
  readonly api: string;
  readonly key: string;
}

/** Says that it is there, waits to be told where the work is, and fetches it until it is told to end. */
export function pull(agent: Agent): void {
  const ending = new AbortController();
  process.on("SIGTERM", () => ending.abort());
  process.once("message", (access: Access) => void pullFrom(access, agent, ending.signal));
  ready(agent);
}

async function pullFrom({ api, key }: Access, agent: Agent, signal: AbortSignal): Promise<void> {
  try {
    await createPuller({ api, key, agent, concurrency: 2 }).run(signal);
    process.exit();
  } catch (error) {
    console.error(`${agent.id}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
