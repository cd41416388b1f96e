/** What an agent's process was asked, seen before the kit sees it, so that repeats are seen too. */
import type { Agent } from "orchestrator/kit";

/** One request to an agent, or one attempt that a worker was handed. */
export interface Call {
  readonly task: string;
  readonly step: string;
  readonly attempt: number;
  readonly key: string;
  /** Of the agent's clock. */
  readonly at: number;
  /** Different idempotency keys in flight then, this one included: a repeat under a key is the same work. */
  readonly atOnce: number;
}

/** What the starting process is told, beside what the demo's `serve` tells. */
export type CallMessage = { readonly type: "called" } & Call;

interface Work {
  readonly task_id: string;
  readonly step_id: string;
  readonly attempt: number;
  /** In the body where it was pulled, else in a header. */
  readonly idempotency_key?: string;
}

export class CallLog {
  /** Requests in flight by key. */
  readonly #inFlight = new Map<string, number>();

  /** An agent whose requests are noted. */
  watching(agent: Agent): Agent {
    return {
      ...agent,
      fetch: async (request) => {
        const key = request.headers.get("idempotency-key") ?? "";
        const work = request.method === "POST" ? await workIn(request.clone()) : null;
        if (work === null) return agent.fetch(request);
        this.#inFlight.set(key, (this.#inFlight.get(key) ?? 0) + 1);
        this.#note(work, key);
        try {
          return await agent.fetch(request);
        } finally {
          this.#leave(key);
        }
      },
    };
  }

  /** The `fetch` of a puller whose claims are noted. */
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    if (!url.includes("/claim") || !response.ok) return response;
    const { attempts } = (await response.clone().json()) as { readonly attempts: readonly Work[] };
    for (const work of attempts) this.#note(work, work.idempotency_key ?? "");
    return response;
  };

  #note({ task_id: task, step_id: step, attempt }: Work, key: string): void {
    const message: CallMessage = { type: "called", task, step, attempt, key, at: Date.now(), atOnce: this.#inFlight.size };
    process.send?.(message);
  }

  #leave(key: string): void {
    const others = (this.#inFlight.get(key) ?? 1) - 1;
    if (others === 0) this.#inFlight.delete(key);
    else this.#inFlight.set(key, others);
  }
}

/** `null` where the body broke off, as when the server is killed: nothing was asked. */
async function workIn(request: Request): Promise<Work | null> {
  try {
    return (await request.json()) as Work;
  } catch {
    return null;
  }
}
