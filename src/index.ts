/** The Worker's entry: its objects, requests, queues and timetable. */
import { log } from "./shared/log.ts";
import { createApi, rooms } from "./rooms.ts";

export * from "./rooms.ts";

const api = createApi();

export default {
  fetch: api.fetch,

  async queue(batch, env): Promise<void> {
    const consume = rooms(env).queues[batch.queue];
    if (consume !== undefined) return consume(batch);
    // What failed ten times. Tasks repair themselves from their journals; people should know.
    for (const message of batch.messages)
      log("error", "message given up", { queue: batch.queue, id: message.id, body: JSON.stringify(message.body).slice(0, 1_000) });
    batch.ackAll();
  },

  async scheduled(_controller, env): Promise<void> {
    for (const purge of rooms(env).purges) await purge(Date.now());
  },
} satisfies ExportedHandler<Cloudflare.Env>;
