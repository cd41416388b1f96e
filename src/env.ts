/** The bindings in `wrangler.toml`, and the settings that `shared/config.ts` reads. */
import type { DispatchMessage } from "./agents/transports/dispatch-queue.ts";
import type { ApprovalRow, HistoryRow } from "./tasks/history/port.ts";
import type { OutcomesMessage } from "./agents/transports/outcome-buffer.ts";
import type { Agent, Gate, ResultCache, Schedule, Task, Webhook } from "./index.ts";

export interface Env {
  readonly TASKS: DurableObjectNamespace<Task>;
  readonly AGENTS: DurableObjectNamespace<Agent>;
  readonly WEBHOOKS: DurableObjectNamespace<Webhook>;
  readonly SCHEDULES: DurableObjectNamespace<Schedule>;
  readonly RESULTS: DurableObjectNamespace<ResultCache>;
  readonly GATES: DurableObjectNamespace<Gate>;
  readonly DB: D1Database;
  readonly CACHE: KVNamespace;
  readonly DISPATCH: Queue<DispatchMessage>;
  readonly HISTORY: Queue<HistoryRow | ApprovalRow | OutcomesMessage>;
  readonly ANALYTICS: AnalyticsEngineDataset;
  readonly REQUESTS: RateLimit;
}
