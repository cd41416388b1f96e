/** The answer to callers who wait for the end of a task. */
import type { Context } from "hono";
import { waitForEnd } from "../../objects/follow.ts";
import type { Api } from "../../http/route.ts";
import { requireStanding, watchCredentials } from "../../http/standing.ts";
import type { TaskServices } from "../services.ts";
import type { Apart, ResultReading } from "../views/task-view.ts";
import type { EndedTask } from "../views/view.ts";

/** How the task ended, if it does within `waitMs`; `null` also where its output is kept no longer. */
export async function endWithin(c: Context<Api<TaskServices>>, id: string, waitMs: number): Promise<(EndedTask & Apart) | null> {
  if (waitMs === 0) return null;
  const { tasks } = c.var.services;
  const { tenant } = c.var.principal;
  const standing = watchCredentials(c);
  const over = AbortSignal.any([AbortSignal.timeout(waitMs), standing.lapsed]);
  try {
    const ended = await tasks.read(
      tenant,
      id,
      () => waitForEnd<ResultReading>(() => tasks.stub(tenant, id), over),
      (reading) => reading.result(),
    );
    requireStanding(standing);
    return ended === null || "expired" in ended ? null : { id, ...ended };
  } finally {
    standing.end();
  }
}
