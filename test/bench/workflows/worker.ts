/** The same work on Cloudflare Workflows, as its documentation would have one write it. */
import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import type { Work } from "../bare/worker.ts";

export class Run extends WorkflowEntrypoint<object, Work> {
  override async run(event: WorkflowEvent<Work>, step: WorkflowStep): Promise<unknown> {
    const { shape, steps, url } = event.payload;
    const one = (index: number): Promise<unknown> =>
      step.do(`step ${index}`, async () => {
        const response = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ step: index, input: {} }),
        });
        return await response.json();
      });
    if (shape === "fan") {
      await Promise.all(Array.from({ length: steps }, (_, index) => one(index)));
    } else {
      for (let index = 0; index < steps; index++) await one(index);
    }
    return { steps };
  }
}

export default {
  async fetch(request, env): Promise<Response> {
    if (request.method === "GET") return new Response("ready");
    const instance = await env.RUNS.create({ params: await request.json() });
    for (;;) {
      const { status, output } = await instance.status();
      if (status === "complete") return Response.json(output);
      if (status === "errored" || status === "terminated") return new Response(status, { status: 500 });
      await scheduler.wait(10);
    }
  },
} satisfies ExportedHandler<{ readonly RUNS: Workflow<Work> }>;
