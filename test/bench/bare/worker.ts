/** What everything is measured against: an object per run that calls the agent and inserts one row per step, no engine. */
import { DurableObject } from "cloudflare:workers";

export interface Work {
  readonly shape: "chain" | "fan";
  readonly steps: number;
  readonly url: string;
  /** How many requests may be awaited at once. */
  readonly cap?: number;
}

export class Run extends DurableObject {
  async run(work: Work): Promise<{ steps: number }> {
    this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS steps (seq INTEGER PRIMARY KEY, output TEXT)");
    if (work.shape === "chain") {
      for (let step = 0; step < work.steps; step++) await this.#step(work, step);
    } else {
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < work.steps) await this.#step(work, next++);
      };
      await Promise.all(Array.from({ length: Math.min(work.cap ?? work.steps, work.steps) }, lane));
    }
    return { steps: this.ctx.storage.sql.exec<{ steps: number }>("SELECT count(*) AS steps FROM steps").one().steps };
  }

  async #step(work: Work, step: number): Promise<void> {
    const response = await fetch(work.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ step, input: {} }),
    });
    const reply = (await response.json()) as { output: unknown };
    this.ctx.storage.sql.exec("INSERT INTO steps (output) VALUES (?)", JSON.stringify(reply.output));
  }
}

export default {
  async fetch(request, env): Promise<Response> {
    if (request.method === "GET") return new Response("ready");
    const stub = env.RUNS.getByName(crypto.randomUUID());
    const answer = await stub.run(await request.json());
    return Response.json(answer);
  },
} satisfies ExportedHandler<{ readonly RUNS: DurableObjectNamespace<Run> }>;
