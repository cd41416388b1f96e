/** Renders pictures, which takes a while. Whoever wants one has to look whether it is ready. */
import { AgentError, defineAgent, type AttemptContext } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

interface Job {
  readonly scene: string;
  readonly readyAt: number;
}
/** By the idempotency key that it was started under: who asks again gets the same job. */
const jobs = new Map<string, Job>();

function jobNamed(name: string): Job {
  const job = jobs.get(name);
  if (job === undefined) throw new AgentError({ code: "no_such_job", message: `there is no job ${name}`, retryable: false });
  return job;
}

function start({ scene, seconds }: { readonly scene: string; readonly seconds: number }, { idempotencyKey }: AttemptContext) {
  if (!jobs.has(idempotencyKey)) jobs.set(idempotencyKey, { scene, readyAt: Date.now() + seconds * 1_000 });
  return { job: idempotencyKey };
}

function look({ job }: { readonly job: string }) {
  const { scene, readyAt } = jobNamed(job);
  if (Date.now() < readyAt) return { state: "rendering" };
  return scene === "nothing" ? { state: "failed", reason: "there is nothing to see" } : { state: "ready" };
}

serve(
  defineAgent({
    id: "renderer",
    capabilities: ["render.start", "render.look", "render.fetch"],
    secret: signingSecret(),
    execute: {
      "render.start": start,
      "render.look": look,
      "render.fetch": ({ job }: { readonly job: string }) => ({ picture: `${jobNamed(job).scene}.png` }),
    },
  }),
);
